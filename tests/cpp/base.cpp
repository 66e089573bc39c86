#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/host_probe.hpp"
#include "base/math.hpp"
#include "base/random.hpp"
#include "base/small_vector.hpp"
#include "base/thread_pool.hpp"

using namespace dnnaccel::base;

namespace {

bool go_on(std::size_t) { return true; }

}  // namespace

TEST_SUITE("base") {
  TEST_CASE("ceil_div rounds up, and chunks cut an extent without loss") {
    for (std::int64_t extent = 0; extent <= 40; ++extent) {
      for (std::int64_t tile = 1; tile <= 12; ++tile) {
        const std::int64_t chunks = ceil_div(extent, tile);
        CHECK(chunks * tile >= extent);
        CHECK((chunks - 1) * tile < extent);
        std::int64_t sum = 0;
        std::int64_t before = tile;
        for (std::int64_t k = 0; k < chunks; ++k) {
          const std::int64_t size = chunk(extent, tile, k);
          CHECK(size >= 1);
          CHECK(size <= before);
          before = size;
          sum += size;
        }
        CHECK(sum == extent);
        CHECK(chunk(extent, tile, chunks) == 0);
        CHECK(chunk(extent, tile, chunks + 3) == 0);
      }
    }
  }

  TEST_CASE("a seed gives the same numbers everywhere, inside their range") {
    // First outputs of SplitMix64 for seed 1234567, from the authors' reference implementation.
    Random reference(1234567);
    CHECK(reference.next() == 6457827717110365317ULL);
    CHECK(reference.next() == 3203168211198807973ULL);
    CHECK(reference.next() == 9817491932198370423ULL);
    Random random(7);
    for (int i = 0; i < 1000; ++i) {
      CHECK(random.below(5) < 5);
      const double unit = random.unit();
      CHECK(unit > 0);
      CHECK(unit <= 1);
    }
  }

  TEST_CASE("a small vector is a vector of bounded length") {
    SmallVector<int, 4> items;
    CHECK(items.empty());
    for (int i = 0; i < 4; ++i) items.push_back(i * i);
    CHECK(items.size() == items.capacity());
    CHECK(std::vector<int>(items.begin(), items.end()) == std::vector<int>{0, 1, 4, 9});
    items[1] = 7;
    CHECK(items.data()[1] == 7);
    items.clear();
    CHECK(items.empty());
  }

  TEST_CASE("tasks: each runs once, and any number of threads gives the same result") {
    for (std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{500}}) {
      for (unsigned threads : {0U, 1U, 2U, 3U, 16U}) {
        std::vector<std::size_t> out(count, 0);
        std::atomic<bool> stop{false};
        const auto task = [&](std::size_t i) { out[i] += i * i + 1; };
        CHECK(run_tasks(count, threads, task, go_on, stop));
        for (std::size_t i = 0; i < count; ++i) REQUIRE(out[i] == i * i + 1);
        CHECK_FALSE(stop.load());
      }
    }
    CHECK(default_threads() >= 1);
  }

  TEST_CASE("tasks are taken in order") {
    std::vector<std::size_t> order;
    std::mutex mutex;
    std::atomic<bool> stop{false};
    const auto task = [&](std::size_t i) {
      const std::lock_guard lock(mutex);
      order.push_back(i);
    };
    CHECK(run_tasks(50, 1, task, go_on, stop));
    CHECK(std::is_sorted(order.begin(), order.end()));
    CHECK(order.size() == 50);
  }

  TEST_CASE("tasks stop when the poll says so: running ones see it, later ones do not start") {
    std::atomic<std::size_t> started{0};
    std::atomic<bool> stop{false};
    const auto until_stopped = [&](std::size_t) {
      started.fetch_add(1);
      while (!stop.load()) std::this_thread::yield();
    };
    const auto refuse = [](std::size_t) { return false; };
    CHECK_FALSE(run_tasks(100, 2, until_stopped, refuse, stop));
    CHECK(stop.load());
    CHECK(started.load() <= 2);
  }

  TEST_CASE("an exception of a task, or of the poll, reaches the caller") {
    for (unsigned threads : {1U, 4U}) {
      std::atomic<bool> stop{false};
      std::atomic<int> inside{0};
      const auto task = [&](std::size_t i) {
        inside.fetch_add(1);
        if (i == 3) {
          inside.fetch_sub(1);
          throw std::runtime_error("task 3");
        }
        inside.fetch_sub(1);
      };
      CHECK_THROWS_WITH_AS(run_tasks(1000, threads, task, go_on, stop), "task 3",
                           std::runtime_error);
      CHECK(inside.load() == 0);
    }
    std::atomic<bool> stop{false};
    const auto wait = [&](std::size_t) {
      while (!stop.load()) std::this_thread::yield();
    };
    const auto fail = [](std::size_t) -> bool { throw std::logic_error("poll"); };
    CHECK_THROWS_WITH_AS(run_tasks(4, 2, wait, fail, stop), "poll", std::logic_error);
  }

  TEST_CASE("the poll hears how many tasks are done, never more than there are") {
    std::vector<std::size_t> heard;
    std::atomic<bool> polled{false};
    std::atomic<bool> stop{false};
    const auto until_polled = [&](std::size_t) {
      while (!polled.load()) std::this_thread::yield();
    };
    const auto listen = [&](std::size_t done) {
      heard.push_back(done);
      polled = true;
      return true;
    };
    CHECK(run_tasks(200, 2, until_polled, listen, stop));
    REQUIRE_FALSE(heard.empty());
    CHECK(heard.front() == 0);
    CHECK(std::is_sorted(heard.begin(), heard.end()));
    CHECK(heard.back() <= 200);
  }

  TEST_CASE("every variant of the host probe measures; it stops when told, and refuses nonsense") {
    const auto yes = [] { return true; };
    REQUIRE_FALSE(host_variants().empty());
    for (const std::string& variant : host_variants()) {
      const auto figures = measure_host(variant, {{16384, 1}, {65536, 2}}, 0.0, yes);
      REQUIRE(figures.has_value());
      CHECK(figures->variant == variant);
      CHECK(figures->clock_hz > 0);
      CHECK(figures->macs_per_second > 0);
      REQUIRE(figures->bandwidths.size() == 2);
      for (const Bandwidth& bandwidth : figures->bandwidths) {
        CHECK(bandwidth.read > 0);
        CHECK(bandwidth.write > 0);
      }
    }
    int polls = 0;
    CHECK_FALSE(measure_host("", {{16384, 1}}, 10.0, [&] { return ++polls < 3; }).has_value());
    CHECK(polls == 3);
    CHECK_THROWS_AS((void)measure_host("vax", {}, 0.0, yes), std::invalid_argument);
    CHECK_THROWS_AS((void)measure_host("", {{16384, 0}}, 0.0, yes), std::invalid_argument);
    CHECK_THROWS_AS((void)measure_host("", {{100, 1}}, 0.0, yes), std::invalid_argument);
    CHECK_THROWS_AS((void)measure_host("", {{std::uint64_t{1} << 34, 1}}, 0.0, yes),
                    std::invalid_argument);
  }
}
