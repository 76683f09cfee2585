#include "source/model/endpoint.h"

namespace outrigger::model {

EndpointRecord::~EndpointRecord() {
  for (EndpointCells* cells = cells_.load(std::memory_order_acquire); cells != nullptr;) {
    EndpointCells* next = cells->next;
    delete cells;
    cells = next;
  }
}

EndpointCells& EndpointRecord::CellsOf(int worker) const {
  EndpointCells* first = cells_.load(std::memory_order_acquire);
  for (EndpointCells* cells = first; cells != nullptr; cells = cells->next) {
    if (cells->worker == worker) return *cells;
  }
  auto* made = new EndpointCells(worker);
  do {
    made->next = first;
  } while (!cells_.compare_exchange_weak(first, made, std::memory_order_release, std::memory_order_acquire));
  return *made;
}

}  // namespace outrigger::model
