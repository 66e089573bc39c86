#include <cmath>
#include <limits>

#include "base/random.hpp"
#include "sparsity/effectual.hpp"
#include "sparsity/formats.hpp"
#include "support.hpp"

using namespace dnnaccel;
using namespace dnnaccel::sparsity;
using namespace dnnaccel::testing;
using problem::Problem;
using problem::Role;

namespace {

using Bytes = std::vector<std::uint8_t>;

Format rlc(int run_bits) { return {.kind = Kind::rlc, .run_bits = run_bits}; }

Format csc(int run_bits, std::uint64_t column_words) {
  return {.kind = Kind::csc, .run_bits = run_bits, .column_words = column_words};
}

/// Zeros, then a value.
void append(Bytes& mask, int zeros) {
  mask.insert(mask.end(), static_cast<std::size_t>(zeros), 0);
  mask.push_back(1);
}

/// The mean over every mask of `words` words, each weighed with its chance.
double enumerated_entries(const Format& format, double density, std::uint64_t words) {
  double mean = 0;
  Bytes mask(words);
  for (std::uint64_t code = 0; code < 1ULL << words; ++code) {
    double chance = 1;
    for (std::uint64_t i = 0; i < words; ++i) {
      mask[i] = static_cast<std::uint8_t>(code >> i & 1);
      chance *= mask[i] != 0 ? density : 1 - density;
    }
    mean += chance * static_cast<double>(exact_entries(format, mask));
  }
  return mean;
}

Bytes random_mask(base::Random& random, std::uint64_t words, double density) {
  Bytes mask(words);
  for (std::uint8_t& word : mask) word = random.unit() <= density ? 1 : 0;
  return mask;
}

/// Whether the operand at this point of the loops is there and not zero.
bool is_nonzero(const problem::Tensor& tensor, const Bytes& mask,
                const std::vector<std::int64_t>& at) {
  std::size_t position = 0;
  for (const problem::Axis& axis : tensor.axes) {
    std::int64_t coordinate = axis.offset;
    for (const problem::Term& term : axis.terms) {
      coordinate += term.coefficient * at[static_cast<std::size_t>(term.dim)];
    }
    if (coordinate < 0 || coordinate >= axis.size) return false;
    position =
        position * static_cast<std::size_t>(axis.size) + static_cast<std::size_t>(coordinate);
  }
  return mask[position] != 0;
}

/// The definition: every MAC, one after the other.
std::uint64_t walked_macs(const Problem& problem, const Bytes* inputs, const Bytes* weights) {
  std::vector<std::int64_t> at(problem.bounds.size(), 0);
  std::uint64_t macs = 0;
  for (std::uint64_t i = 0; i < problem.macs(); ++i) {
    const bool left = inputs == nullptr || is_nonzero(problem.tensor(Role::inputs), *inputs, at);
    const bool right =
        weights == nullptr || is_nonzero(problem.tensor(Role::weights), *weights, at);
    if (left && right) ++macs;
    for (std::size_t d = at.size(); d-- > 0 && ++at[d] == problem.bounds[d];) at[d] = 0;
  }
  return macs;
}

problem::Axis window(int position, std::int64_t stride, int tap, std::int64_t dilation,
                     std::int64_t padding, std::int64_t size) {
  return {
      .terms = {{.dim = position, .coefficient = stride}, {.dim = tap, .coefficient = dilation}},
      .offset = -padding,
      .size = size};
}

/// A grouped 2-D convolution of random shape, dims N G M C P Q R S.
Problem random_convolution(base::Random& random) {
  const auto pick = [&](std::size_t n) { return static_cast<std::int64_t>(random.below(n)) + 1; };
  Problem out{.dim_names = {"N", "G", "M", "C", "P", "Q", "R", "S"}};
  for (const std::size_t most : {3, 2, 4, 3, 6, 6, 3, 3}) out.bounds.push_back(pick(most));
  const auto& b = out.bounds;
  const auto axis = [&](int position, int tap) {
    const std::int64_t stride = pick(3);
    const std::int64_t dilation = pick(2);
    const std::int64_t padding = pick(3) - 1;
    return window(position, stride, tap, dilation, padding, pick(14));
  };
  out.tensors[0] = {
      .role = Role::inputs,
      .axes = {plain(0, b[0]), plain(1, b[1]), plain(3, b[3]), axis(4, 6), axis(5, 7)}};
  out.tensors[1] = {
      .role = Role::weights,
      .axes = {plain(1, b[1]), plain(2, b[2]), plain(3, b[3]), plain(6, b[6]), plain(7, b[7])}};
  out.tensors[2] = {
      .role = Role::outputs,
      .axes = {plain(0, b[0]), plain(1, b[1]), plain(2, b[2]), plain(4, b[4]), plain(5, b[5])}};
  out.validate();
  return out;
}

void check_against_walk(const Problem& problem, base::Random& random) {
  const Bytes inputs = random_mask(random, problem.tensor(Role::inputs).words(), random.unit());
  const Bytes weights = random_mask(random, problem.tensor(Role::weights).words(), random.unit());
  CHECK(effectual_macs(problem, inputs, weights) == walked_macs(problem, &inputs, &weights));
  CHECK(effectual_macs(problem, inputs, {}) == walked_macs(problem, &inputs, nullptr));
  CHECK(effectual_macs(problem, {}, weights) == walked_macs(problem, nullptr, &weights));
}

}  // namespace

TEST_SUITE("sparsity") {
  TEST_CASE("run lengths: a run that does not fit is followed by a level of zero") {
    // Eyeriss: five bits count 31 zeros, and what comes next is the level, whatever it is.
    for (const auto& [zeros, entries] : {std::pair{0, 1}, {31, 1}, {32, 2}, {63, 2}, {64, 3}}) {
      Bytes mask;
      append(mask, zeros);
      CAPTURE(zeros);
      CHECK(exact_entries(rlc(5), mask) == static_cast<std::uint64_t>(entries));
      CHECK(exact_entries(csc(5, 1000), mask) == static_cast<std::uint64_t>(entries));
    }
    CHECK(exact_entries(rlc(5), Bytes(32)) == 1);
    CHECK(exact_entries(rlc(5), Bytes(33)) == 2);
  }

  TEST_CASE("a column as EIE codes it") {
    // 0 0 1 2, eighteen zeros, 3: values 1 2 0 3 behind 2 0 15 2 zeros, four bits each.
    Bytes column;
    append(column, 2);
    append(column, 0);
    append(column, 18);
    CHECK(exact_entries(csc(4, column.size()), column) == 4);
    const Bits bits = encoded_bits(csc(4, column.size()), column.size(), 3, 4, 4);
    CHECK(bits.data == 3 * 4);
    CHECK(bits.metadata == 4 * 4 + 4 + 2 * 16);
    column.insert(column.end(), 40, 0);  // a column's last zeros take nothing
    CHECK(exact_entries(csc(4, column.size()), column) == 4);
    // Cut into columns of 11 no run is long enough for a level of zero.
    CHECK(exact_entries(csc(4, 11), column) == 3);
  }

  TEST_CASE("expected entries are the mean over all masks") {
    for (const double density : {0.0, 0.03, 0.4, 0.9, 1.0}) {
      for (std::uint64_t words = 1; words <= 12; ++words) {
        for (const Format& format : {rlc(1), rlc(2), csc(1, 5), csc(2, 100), Format{},
                                     Format{.kind = Kind::coordinate, .index_bits = 2}}) {
          CAPTURE(density);
          CAPTURE(words);
          CAPTURE(static_cast<int>(format.kind));
          CHECK(expected_entries(format, density, words) ==
                doctest::Approx(enumerated_entries(format, density, words)).epsilon(1e-12));
        }
      }
    }
  }

  TEST_CASE("long vectors tend to the rate of the geometric runs") {
    // The entries cover the vector, and the last one at most 31 words more (Wald's equation); what
    // rounding adds is bounded by one unit for each of the 64 doublings of the sums.
    constexpr double kWords = 0x1p40;
    for (const double density : {1e-9, 1e-4, 0.02, 0.3, 0.999}) {
      CAPTURE(density);
      const double rate = density / -std::expm1(32 * std::log1p(-density));
      const double rounding = 64 * std::numeric_limits<double>::epsilon() * rate * kWords;
      const double excess = expected_entries(rlc(5), density, 1ULL << 40) - rate * kWords;
      CHECK(excess >= -rounding);
      CHECK(excess <= rate * 31 + rounding);
    }
  }

  TEST_CASE("bits: values are data, all else is metadata") {
    const Bits packed = encoded_bits(rlc(5), 1000, 100, 101, 16);  // 34 words of three
    CHECK(packed.data == 1600);
    CHECK(packed.metadata == 34 * 64 - 1600);
    CHECK(encoded_bits(rlc(5), 1000, 100, 100, 8).metadata == 25 * 64 - 800);  // four of 13 bits
    CHECK(encoded_bits(Format{}, 1000, 100, 100, 16).metadata == 1000);
    const Format coordinate{.kind = Kind::coordinate, .index_bits = 8};
    CHECK(encoded_bits(coordinate, 1000, 100, 100, 16).metadata == 100 * 8 + 4 * 9);
    const Bits dense = expected_bits(rlc(5), 1, 4, 16);  // certain: two packed words
    CHECK(dense.data == 64);
    CHECK(dense.metadata == 64);
    const Bits empty = expected_bits(rlc(5), 0, 64, 16);
    CHECK(empty.data == 0);
    CHECK(empty.metadata == 64);
  }

  TEST_CASE("a tile takes more than its bound no more often than is said") {
    for (const double density : {0.05, 0.4, 0.8}) {
      for (const double chance : {1e-6, 0.01, 0.3, 1.0}) {
        for (const Format& format : {rlc(1), rlc(2), csc(1, 5), csc(2, 100), Format{}}) {
          constexpr std::uint64_t kWords = 13;
          CAPTURE(density);
          CAPTURE(chance);
          CAPTURE(static_cast<int>(format.kind));
          const Bits bound = tile_bits(format, density, kWords, 16, chance);
          double exceeded = 0;
          Bytes mask(kWords);
          for (std::uint64_t code = 0; code < 1ULL << kWords; ++code) {
            double probability = 1;
            std::uint64_t nonzeros = 0;
            for (std::uint64_t i = 0; i < kWords; ++i) {
              mask[i] = static_cast<std::uint8_t>(code >> i & 1);
              nonzeros += mask[i];
              probability *= mask[i] != 0 ? density : 1 - density;
            }
            const Bits bits =
                encoded_bits(format, kWords, nonzeros, exact_entries(format, mask), 16);
            if (bits.data + bits.metadata > bound.data + bound.metadata) exceeded += probability;
          }
          CHECK(exceeded <= chance);
        }
      }
    }
  }

  TEST_CASE("bounds of tiles tend to the mean, and end at the dense tile") {
    const Format mask{};
    CHECK(tile_bits(mask, 0.3, 100, 16, 0).data == 1600);
    CHECK(tile_bits(mask, 1, 100, 16, 0.5).data == 1600);
    CHECK(tile_bits(mask, 0, 100, 16, 0.5).data == 0);
    // Hoeffding: L (a - d)^2 <= ln(1 / chance) / 2 for every a that Chernoff still takes for
    // likely.
    for (const std::uint64_t words : {1000ULL, 1000'000ULL, 1ULL << 40}) {
      CAPTURE(words);
      const double length = static_cast<double>(words);
      const double excess = tile_bits(mask, 0.3, words, 1, 1e-6).data - 0.3 * length;
      CHECK(excess > 0);
      CHECK(excess <= std::sqrt(length * std::log(1e6) / 2) + 1);
    }
    check_says(refusal([&] { tile_bits(mask, 0.5, 10, 16, -0.1); }), {"chance", "-0.1"});
    check_says(refusal([&] { tile_bits(mask, 2, 10, 16, 0.1); }), {"density", "2.0"});
  }

  TEST_CASE("formats out of range are refused, saying the range") {
    const auto says = [](const Format& format, double density = 0.5, std::uint64_t words = 10,
                         int word_bits = 16) {
      return refusal([&] { expected_bits(format, density, words, word_bits); });
    };
    check_says(says(rlc(0)), {"run_bits", "1 to 16", "given 0"});
    check_says(says(rlc(17)), {"run_bits", "given 17"});
    check_says(says(csc(4, 0)), {"column_words", "given 0"});
    check_says(says({.address_bits = 65}), {"address_bits", "given 65"});
    check_says(says({.index_bits = 49}), {"index_bits", "given 49"});
    check_says(says({.kind = Kind::rlc, .packed_bits = 21}), {"21 bits", "no room"});
    check_says(says({.packed_bits = 0}), {"packed_bits"});
    check_says(says({}, 1.5), {"density", "1.5"});
    check_says(says({}, std::numeric_limits<double>::quiet_NaN()), {"density", "nan"});
    check_says(says({}, 0.5, 0), {"words", "given 0"});
    check_says(says({}, 0.5, kMaxWords + 1), {"words"});
    check_says(says({}, 0.5, 10, 0), {"word_bits", "given 0"});
    check_says(refusal([] { exact_entries({}, {}); }), {"words", "given 0"});
    check_says(refusal([] { encoded_bits({}, 10, 5, 4, 16); }), {"nonzeros <= entries"});
  }

  TEST_CASE("effectual MACs of convolutions are those of a walk") {
    base::Random random(1);
    for (int i = 0; i < 300; ++i) check_against_walk(random_convolution(random), random);
  }

  TEST_CASE("effectual MACs of a matrix product, its shared dims in two orders") {
    base::Random random(2);
    Problem matmul{.dim_names = {"G", "M", "C", "P", "X"}, .bounds = {3, 5, 7, 4, 2}};
    matmul.tensors[0] = {.role = Role::inputs, .axes = {plain(0, 3), plain(3, 4), plain(2, 7)}};
    matmul.tensors[1] = {.role = Role::weights, .axes = {plain(2, 7), plain(0, 3), plain(1, 5)}};
    matmul.tensors[2] = {.role = Role::outputs, .axes = {plain(0, 3), plain(1, 5), plain(3, 4)}};
    matmul.validate();  // X is on neither operand: everything is done twice
    for (int i = 0; i < 20; ++i) check_against_walk(matmul, random);
  }

  TEST_CASE("effectual MACs where operands share both, the first or no dim of a window") {
    base::Random random(3);
    for (const std::vector<int>& weight_dims : {std::vector{2, 3}, {3, 2}, {2}, {3}, {0}, {1, 2}}) {
      Problem odd{.dim_names = {"M", "C", "P", "R"}, .bounds = {3, 2, 5, 4}};
      odd.tensors[0] = {.role = Role::inputs, .axes = {window(2, 2, 3, 3, 2, 9), plain(1, 2)}};
      odd.tensors[1] = {.role = Role::weights};
      for (const int dim : weight_dims) {
        odd.tensors[1].axes.push_back(plain(dim, odd.bounds[static_cast<std::size_t>(dim)]));
      }
      odd.tensors[2] = {.role = Role::outputs, .axes = {plain(0, 3)}};
      odd.validate();
      CAPTURE(weight_dims.front());
      for (int i = 0; i < 20; ++i) check_against_walk(odd, random);
    }
  }

  TEST_CASE("more rows than a byte can count, and bytes other than one") {
    base::Random random(4);
    Problem tall = convolution(2, 3, 1000, 5, 1, 2);
    Bytes inputs = random_mask(random, tall.tensor(Role::inputs).words(), 0.95);
    for (std::uint8_t& word : inputs) word = static_cast<std::uint8_t>(word * 200);
    const Bytes weights(tall.tensor(Role::weights).words(), 255);
    CHECK(effectual_macs(tall, inputs, weights) == walked_macs(tall, &inputs, &weights));
    Problem product = convolution(2, 3, 1000, 1);  // here rows of the inputs are summed as they lie
    std::swap(product.tensors[0].axes[0], product.tensors[0].axes[1]);
    Bytes rows(product.tensor(Role::inputs).words(), 7);
    CHECK(effectual_macs(product, rows, {}) == product.macs());
  }

  TEST_CASE("overlapping windows of up to 255 rows and of more") {
    base::Random random(5);
    for (const std::int64_t rows : {3, 254, 255, 256, 257, 511}) {
      Problem image{.dim_names = {"P", "Q", "R", "S"}, .bounds = {rows, 4, 5, 3}};
      image.tensors[0] = {.role = Role::inputs,
                          .axes = {window(0, 1, 2, 1, 2, rows), window(1, 1, 3, 1, 1, 4)}};
      image.tensors[1] = {.role = Role::weights, .axes = {plain(2, 5), plain(3, 3)}};
      image.tensors[2] = {.role = Role::outputs, .axes = {plain(0, rows), plain(1, 4)}};
      image.validate();
      CAPTURE(rows);
      const Bytes ones(image.tensor(Role::inputs).words(), 1);
      const Bytes taps(15, 1);
      CHECK(effectual_macs(image, ones, taps) == walked_macs(image, &ones, &taps));
      check_against_walk(image, random);
    }
  }

  TEST_CASE("masks of another size than their tensor are refused") {
    const Problem problem = convolution(2, 3, 8, 3);
    const Bytes wrong(5);
    check_says(refusal([&] { effectual_macs(problem, wrong, {}); }), {"inputs have 30 words", "5"});
    check_says(refusal([&] { effectual_macs(problem, {}, wrong); }),
               {"weights have 18 words", "5"});
    CHECK(effectual_macs(problem, {}, {}) == problem.macs());
  }
}
