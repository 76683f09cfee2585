#include "source/http/filter.h"

namespace outrigger::http {

FilterChainSpec::FilterChainSpec(std::vector<FilterSpec> filters) : filters_(std::move(filters)) {
  for (size_t i = 0; i < filters_.size() && i < kMostFilters; ++i) {
    const FilterSpec& spec = filters_[i];
    for (size_t hook = 0; hook < kHooks; ++hook) {
      if (spec.hooks >> hook & 1) masks_[hook] |= uint64_t{1} << i;
    }
    bytes_ += spec.size;
    switchable_ = switchable_ || spec.disabled || spec.route_may_disable;
  }
}

}  // namespace outrigger::http
