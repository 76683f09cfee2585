#include "source/net/address.h"

#include <arpa/inet.h>

#include <cstring>

#include "absl/hash/hash_testing.h"
#include "gtest/gtest.h"

namespace outrigger::net {
namespace {

TEST(AddressTest, ReadsAndPrintsEveryForm) {
  for (const char* text : {"1.2.3.4:80", "[::1]:443", "[2001:db8::7]:0", "255.255.255.255:65535"}) {
    absl::StatusOr<Address> address = Address::ParseUrl(text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(Address::ParseUrl("tcp://1.2.3.4:80")->ToString(), "1.2.3.4:80");
  EXPECT_EQ(Address::ParseUrl("unix:///run/x.sock")->ToString(), "/run/x.sock");
  EXPECT_EQ(Address::ParseUrl("unix:@name")->ToString(), "@name");
  EXPECT_TRUE(Address::ParseUrl("unix:@name")->IsAbstractUnix());
}

TEST(AddressTest, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:+1", "1.2.3.4: 1",
                           "::1:80", "[::1]", "[::1]80", "[1.2.3.4]:80", "localhost:80", "256.1.1.1:80", "1.2.3:80",
                           "unix:", "unix:@", "[fe80::1%eth0]:80"}) {
    EXPECT_FALSE(Address::ParseUrl(text).ok()) << text;
  }
  EXPECT_FALSE(Address::UnixPath(std::string(108, 'x')).ok());
  EXPECT_TRUE(Address::UnixPath(std::string(107, 'x')).ok());
  EXPECT_FALSE(Address::UnixPath("/x", 01000).ok());
  EXPECT_FALSE(Address::UnixPath("@x", 0600).ok());
  EXPECT_FALSE(Address::UnixPath(absl::string_view("/a\0b", 4)).ok());
  EXPECT_FALSE(Address::ParseIp(absl::string_view("1.2.3.4\0", 8), 1).ok());
}

TEST(AddressTest, KnowsWildcardAndLoopback) {
  EXPECT_TRUE(Address::ParseUrl("0.0.0.0:1")->IsWildcard());
  EXPECT_TRUE(Address::ParseUrl("[::]:1")->IsWildcard());
  EXPECT_FALSE(Address::ParseUrl("1.0.0.0:1")->IsWildcard());
  EXPECT_TRUE(Address::ParseUrl("127.9.9.9:1")->IsLoopback());
  EXPECT_TRUE(Address::ParseUrl("[::1]:1")->IsLoopback());
  EXPECT_FALSE(Address::ParseUrl("unix:/x")->IsLoopback());
}

TEST(AddressTest, AMappedPeerOfADualStackListenerIsIpv4) {
  sockaddr_in6 mapped{};
  mapped.sin6_family = AF_INET6;
  mapped.sin6_port = htons(99);
  ASSERT_EQ(inet_pton(AF_INET6, "::ffff:10.1.2.3", &mapped.sin6_addr), 1);
  absl::StatusOr<Address> address = Address::FromSockaddr(reinterpret_cast<sockaddr*>(&mapped), sizeof(mapped));
  ASSERT_TRUE(address.ok());
  EXPECT_EQ(address->ToString(), "10.1.2.3:99");
  EXPECT_EQ(*address, *Address::ParseUrl("10.1.2.3:99"));
}

TEST(AddressTest, SockaddrsComeBackAsTheyWere) {
  for (const char* text : {"1.2.3.4:80", "[::1]:443", "unix:/run/x.sock", "unix:@name"}) {
    const Address address = *Address::ParseUrl(text);
    absl::StatusOr<Address> again = Address::FromSockaddr(address.sockaddr_ptr(), address.sockaddr_length());
    ASSERT_TRUE(again.ok()) << text;
    EXPECT_EQ(*again, address) << text;
  }
  sockaddr_un unnamed{};
  unnamed.sun_family = AF_UNIX;
  EXPECT_EQ(Address::FromSockaddr(reinterpret_cast<sockaddr*>(&unnamed), sizeof(sa_family_t))->ToString(), "");
  sockaddr odd{};
  odd.sa_family = AF_PACKET;
  EXPECT_FALSE(Address::FromSockaddr(&odd, sizeof(odd)).ok());
  EXPECT_FALSE(Address::FromSockaddr(&odd, 1).ok());
}

TEST(AddressTest, IsAValue) {
  Address a = *Address::ParseUrl("unix:/x");
  Address b = a;
  EXPECT_EQ(a, b);
  Address c = std::move(a);
  EXPECT_EQ(c, b);
  EXPECT_EQ(a.kind(), Address::Kind::kNone);
  EXPECT_EQ(a.ToString(), "");
  EXPECT_NE(b, *Address::ParseUrl("unix:/y"));
  EXPECT_EQ(Address::ParseUrl("1.1.1.1:1")->WithPort(7).ToString(), "1.1.1.1:7");
  EXPECT_LT(*Address::ParseUrl("1.1.1.1:2"), *Address::ParseUrl("1.1.1.1:300"));
  EXPECT_LT(*Address::ParseUrl("9.1.1.1:2"), *Address::ParseUrl("10.1.1.1:1"));
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {Address(), b, *Address::ParseUrl("1.1.1.1:1"), *Address::ParseUrl("1.1.1.1:2"), *Address::ParseUrl("[::1]:1")}));
}

}  // namespace
}  // namespace outrigger::net
