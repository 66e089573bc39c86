#include "sim/drive.hpp"

#include <vector>

#include "cost/walk_nest.hpp"
#include "support.hpp"

using namespace dnnaccel::sim;
using namespace dnnaccel::testing;
namespace arch = dnnaccel::arch;
namespace mapping = dnnaccel::mapping;
namespace problem = dnnaccel::problem;
namespace walking = dnnaccel::cost::walking;

namespace {

/// Writes down what it is asked for.
class Recorder : public CycleArray {
 public:
  explicit Recorder(std::size_t loops) : loops_(loops) {}

  [[nodiscard]] std::size_t outer_loops() const override { return loops_; }
  FoldTime fold(const Chunks& chunks, std::uint64_t) override {
    seen.push_back(chunks);
    return {};
  }
  void finish() override { finished = true; }
  [[nodiscard]] const ArrayRun& run() const override { return run_; }

  std::vector<Chunks> seen;
  bool finished = false;

 private:
  std::size_t loops_;
  ArrayRun run_;
};

/// M 5, C 4, P 7, R 3: chunks that do not divide their extents, twice for P.
const problem::Problem kProblem = convolution(5, 4, 7, 3);
const mapping::Mapping kMapping{
    .levels = {{.loops = {{.dim = kP, .tile = 5}, {.dim = kM, .tile = 2}, {.dim = kP, .tile = 2}},
                .keeps = 7},
               {.loops = {{.dim = kC, .tile = 2}, {.dim = kM, .tile = 1, .axis = 1}}, .keeps = 0},
               {.loops = {{.dim = kC, .tile = 1}, {.dim = kR, .tile = 1}, {.dim = kP, .tile = 1}},
                .keeps = 7}}};

}  // namespace

TEST_SUITE("drive") {
  TEST_CASE("the folds are those that the walk of the whole nest goes through, in its order") {
    const arch::Architecture chip = two_levels(2, 2, 64);
    const mapping::Nest nest = mapping::flatten(kProblem, chip, kMapping);
    for (std::size_t outer = 0; outer <= 3; ++outer) {
      CAPTURE(outer);
      Recorder array(outer);
      CHECK(drive(kProblem, nest, array));
      CHECK(array.finished);

      std::vector<Chunks> walked;
      walking::Position position(kProblem, nest);
      walking::Depth depth(kProblem, nest, static_cast<int>(outer));
      int stepped = -1;
      do {
        if (stepped < static_cast<int>(outer)) {
          depth.stand_at(position);
          walked.push_back(depth.chunks(0));
        }
        stepped = position.next();
      } while (stepped >= 0);
      CHECK(array.seen == walked);
    }
  }

  TEST_CASE("an array outside the simulated one is refused") {
    const arch::Architecture chip = two_levels(2, 2, 64);
    const mapping::Nest nest = mapping::flatten(kProblem, chip, kMapping);
    Recorder array(4);
    CHECK_THROWS_AS(drive(kProblem, nest, array), std::domain_error);
  }

  TEST_CASE("whoever watches hears of every MAC and can stop it") {
    const arch::Architecture chip = two_levels(2, 2, 64);
    const mapping::Nest nest = mapping::flatten(kProblem, chip, kMapping);
    std::vector<std::uint64_t> heard;
    Recorder array(3);
    const auto listen = [&](std::uint64_t done, std::uint64_t total) {
      CHECK(total == kProblem.macs());
      heard.push_back(done);
      return true;
    };
    CHECK(drive(kProblem, nest, array, {.poll = listen}));
    CHECK(heard.front() == 0);
    CHECK(heard.back() == kProblem.macs());

    Recorder refused(3);
    const auto refuse = [](std::uint64_t, std::uint64_t) { return false; };
    CHECK_FALSE(drive(kProblem, nest, refused, {.poll = refuse}));
    CHECK_FALSE(refused.finished);
    CHECK(refused.seen.empty());

    const std::atomic<bool> stop{true};
    Recorder stopped(3);
    CHECK_FALSE(drive(kProblem, nest, stopped, {.stop = &stop}));
    CHECK(stopped.seen.empty());
  }
}
