#include "kernels/steps.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

TEST_SUITE_BEGIN("steps");

namespace {

using dnnaccel::kernels::Steps;

/// Every piece of every step counts one, and sees all of the step before it done.
class Ledger {
 public:
  Ledger(std::int64_t steps, std::int32_t pieces)
      : pieces_(pieces), taken_(static_cast<std::size_t>(steps * pieces)) {}

  void compute(std::int64_t step, std::int32_t piece) {
    for (std::int32_t other = 0; step > 0 && other < pieces_; ++other)
      out_of_turn_ += at(step - 1, other).load() != 1;
    ++at(step, piece);
  }
  bool each_once() const {
    for (const std::atomic<int>& count : taken_) {
      if (count.load() != 1) return false;
    }
    return out_of_turn_.load() == 0;
  }

 private:
  std::atomic<int>& at(std::int64_t step, std::int32_t piece) {
    return taken_[static_cast<std::size_t>(step * pieces_ + piece)];
  }

  std::int32_t pieces_;
  std::vector<std::atomic<int>> taken_;
  std::atomic<int> out_of_turn_{0};
};

/// Only the threads `comers` of `shares` come, each some microseconds after the one before.
bool complete(std::int64_t count, std::int32_t pieces, unsigned shares,
              const std::vector<unsigned>& comers) {
  Steps steps(count, pieces, shares);
  Ledger ledger(count, pieces);
  std::vector<std::thread> threads;
  for (const unsigned worker : comers) {
    threads.emplace_back([&, worker] {
      steps.work(worker,
                 [&](std::int64_t step, std::int32_t piece) { ledger.compute(step, piece); });
    });
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  for (std::thread& thread : threads) thread.join();
  return ledger.each_once();
}

}  // namespace

TEST_CASE("every piece is computed once, after the step before it") {
  CHECK(complete(1, 1, 1, {0}));
  CHECK(complete(200, 8, 2, {0, 1}));
  CHECK(complete(200, 7, 3, {0, 1, 2}));
  CHECK(complete(50, 64, 64, {0, 5, 63}));
}

TEST_CASE("threads that never come hold nobody up") {
  CHECK(complete(100, 9, 4, {0}));
  CHECK(complete(100, 9, 4, {3}));
  CHECK(complete(1000, 5, 5, {2, 4}));
}

TEST_CASE("a thread that comes after all is done leaves at once") {
  Steps steps(3, 4, 2);
  Ledger ledger(3, 4);
  const auto compute = [&](std::int64_t step, std::int32_t piece) { ledger.compute(step, piece); };
  steps.work(0, compute);
  steps.work(1, compute);
  CHECK(ledger.each_once());
}

TEST_CASE("odd steps go through a share backwards") {
  std::vector<std::int32_t> order;
  Steps steps(2, 3, 1);
  steps.work(0, [&](std::int64_t, std::int32_t piece) { order.push_back(piece); });
  CHECK(order == std::vector<std::int32_t>{0, 1, 2, 2, 1, 0});
}

TEST_SUITE_END();
