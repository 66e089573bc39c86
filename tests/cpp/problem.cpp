#include "problem/problem.hpp"

#include "support.hpp"

using namespace dnnaccel::problem;
using namespace dnnaccel::testing;

namespace {

/// What `validate` says after one change to a good problem.
template <typename Change>
std::string after(Change change) {
  Problem problem = convolution(2, 3, 8, 3, 2, 1);
  change(problem);
  return refusal([&] { problem.validate(); });
}

}  // namespace

TEST_SUITE("problem") {
  TEST_CASE("a convolution is a problem, and counts its MACs and words") {
    const Problem problem = convolution(2, 3, 8, 3, 2, 1);
    CHECK_NOTHROW(problem.validate());
    CHECK(problem.dims() == 4);
    CHECK(problem.macs() == 2 * 3 * 8 * 3);
    CHECK(problem.tensor(Role::inputs).words() == 3 * 15);
    CHECK(problem.tensor(Role::weights).words() == 2 * 3 * 3);
    CHECK(problem.tensor(Role::outputs).words() == 2 * 8);
    CHECK(problem.tensor(Role::inputs).dims() == 0b1110);
    CHECK(problem.tensor(Role::weights).dims() == 0b1011);
    CHECK(problem.tensor(Role::outputs).dims() == 0b0101);
    CHECK(problem == convolution(2, 3, 8, 3, 2, 1));
    CHECK(problem != convolution(2, 3, 8, 3, 1, 1));
  }

  TEST_CASE("roles have names and bits") {
    CHECK(std::string(name(Role::inputs)) == "inputs");
    CHECK(std::string(name(Role::weights)) == "weights");
    CHECK(std::string(name(Role::outputs)) == "outputs");
    CHECK((bit(Role::inputs) | bit(Role::weights) | bit(Role::outputs)) == kAllRoles);
  }

  TEST_CASE("bounds that cannot be counted are refused") {
    check_says(after([](Problem& p) { p.bounds[2] = 0; }), {"dim P", "below 1"});
    check_says(after([](Problem& p) { p.bounds[0] = -4; }), {"dim M", "below 1"});
    check_says(after([](Problem& p) { p.bounds.pop_back(); }), {"a name and a bound"});
    check_says(refusal([] { Problem{}.validate(); }), {"between 1 and 12 dims"});
    check_says(after([](Problem& p) {
                 p.dim_names.resize(13, "X");
                 p.bounds.resize(13, 1);
               }),
               {"between 1 and 12 dims"});
  }

  TEST_CASE("2^53 MACs are counted, one more is refused") {
    Problem problem = convolution(1, 1, 1, 1);
    const std::int64_t big = std::int64_t{1} << 26;
    problem.bounds = {big, big, 2, 1};
    problem.tensors[0].axes = {plain(1, big), plain(2, 2)};
    problem.tensors[1].axes = {plain(0, big), plain(1, big)};
    problem.tensors[2].axes = {plain(0, big), plain(2, 2)};
    CHECK_NOTHROW(problem.validate());
    CHECK(problem.macs() == std::uint64_t{1} << 53);
    problem.bounds[3] = 2;
    check_says(refusal([&] { problem.validate(); }), {"more than 2^53 MACs"});
  }

  TEST_CASE("axes that the counting cannot take are refused, naming the tensor") {
    check_says(after([](Problem& p) { p.tensors[0].axes[0].terms.clear(); }),
               {"inputs", "one or two dims"});
    check_says(after([](Problem& p) {
                 p.tensors[0].axes[1].terms = {{.dim = 1}, {.dim = 2}, {.dim = 3}};
               }),
               {"inputs", "one or two dims"});
    check_says(after([](Problem& p) { p.tensors[1].axes[0].terms[0].dim = 4; }),
               {"weights", "unknown dim"});
    check_says(after([](Problem& p) { p.tensors[1].axes[0].terms[0].dim = -1; }),
               {"weights", "unknown dim"});
    check_says(after([](Problem& p) { p.tensors[0].axes[1].terms[0].coefficient = 0; }),
               {"inputs", "coefficient 0"});
    check_says(after([](Problem& p) { p.tensors[0].axes[1].size = 0; }), {"inputs", "axis size 0"});
    check_says(after([](Problem& p) { p.tensors[0].axes[1].offset = -(std::int64_t{1} << 40); }),
               {"inputs", "offset"});
    check_says(after([](Problem& p) { p.tensors[0].axes[0].terms[0].dim = 2; }),
               {"inputs", "dim P", "two axes"});
  }

  TEST_CASE("a window too large to be enumerated is refused") {
    check_says(refusal([] { convolution(1, 1, 1LL << 21, 2).validate(); }),
               {"inputs", "sliding window"});
    check_says(refusal([] { convolution(1, 1, 1LL << 15, 1LL << 15).validate(); }),
               {"inputs", "sliding window"});
    CHECK_NOTHROW(convolution(1, 1, 1LL << 16, 3).validate());
  }

  TEST_CASE("outputs are whole dims, and tensors stand in order") {
    check_says(after([](Problem& p) { p.tensors[2].axes[1].size = 7; }), {"outputs", "whole"});
    check_says(after([](Problem& p) { p.tensors[2].axes[1].offset = 1; }), {"outputs", "whole"});
    check_says(after([](Problem& p) { p.tensors[2].axes[1].terms[0].coefficient = 2; }),
               {"outputs", "whole"});
    check_says(after([](Problem& p) { std::swap(p.tensors[0], p.tensors[1]); }),
               {"inputs, weights, outputs"});
  }
}
