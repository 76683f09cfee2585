#include "source/schema/origin.h"

#include <gtest/gtest.h>

namespace outrigger::schema {
namespace {

TEST(Origin, NamesResourceVersionAndField) {
  EXPECT_EQ((Origin{"type.googleapis.com/envoy.config.listener.v3.Listener", "in", "7", "filter_chains[0]"}.ToString()),
            "listener \"in\" (version 7): filter_chains[0]");
  EXPECT_EQ((Origin{"cluster", "a", "", ""}.ToString()), "cluster \"a\"");
}

TEST(Origin, PutsTypeUrlsInWords) {
  EXPECT_EQ(ResourceWord("type.googleapis.com/envoy.config.route.v3.RouteConfiguration"), "route configuration");
  EXPECT_EQ(ResourceWord("listener"), "listener");
}

TEST(Origin, JoinsTheErrorsOfAResourceForANack) {
  const Origin origin{"type.googleapis.com/envoy.config.cluster.v3.Cluster", "a", "3", ""};
  EXPECT_EQ(NackDetail(origin, "name: is required\ntype: is wrong"),
            "cluster \"a\" (version 3): name: is required; type: is wrong");
  EXPECT_EQ(NackDetail(origin, ""), "");
}

}  // namespace
}  // namespace outrigger::schema
