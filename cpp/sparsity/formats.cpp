#include "sparsity/formats.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace dnnaccel::sparsity {

namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("format: " + what);
}

template <typename T>
void check_range(const char* what, T value, std::type_identity_t<T> least,
                 std::type_identity_t<T> most) {
  if (value < least || value > most) {
    refuse(std::string(what) + " must be from " + std::to_string(least) + " to " +
           std::to_string(most) + ", given " + std::to_string(value));
  }
}

void check_share(const char* what, double value) {
  if (!(value >= 0 && value <= 1)) {
    refuse(std::string(what) + " must be from 0 to 1, given " + std::to_string(value));
  }
}

void check(const Format& format, std::uint64_t words) {
  check_range("run_bits", format.run_bits, 1, 16);
  check_range("packed_bits", format.packed_bits, 1, 1 << 16);
  check_range("address_bits", format.address_bits, 1, 64);
  check_range("column_words", format.column_words, 1, kMaxWords);
  check_range("index_bits", format.index_bits, 1, 48);
  check_range("words", words, 1, kMaxWords);
}

/// q^n with q = 1 - density, exact also where the density is tiny.
double all_zero(double density, std::uint64_t n) {
  if (n == 0) return 1;
  return density >= 1 ? 0 : std::exp(static_cast<double>(n) * std::log1p(-density));
}

struct PowerSums {
  double plain = 0;     // sum of x^j
  double weighted = 0;  // sum of j x^j
};

/// Sums over j = 1..n of x = q^period, by doubling: a closed form would cancel where x is near 1.
PowerSums power_sums(double density, std::uint64_t period, std::uint64_t n) {
  PowerSums sums;
  std::uint64_t done = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const double shift = all_zero(density, period * done);
    sums.weighted += shift * (sums.weighted + static_cast<double>(done) * sums.plain);
    sums.plain += shift * sums.plain;
    done *= 2;
    if ((n >> bit & 1) != 0) {
      done += 1;
      const double last = all_zero(density, period * done);
      sums.plain += last;
      sums.weighted += static_cast<double>(done) * last;
    }
  }
  return sums;
}

/// Expected entries of one stretch of words; its last zeros are an entry or are left out.
double stretch_entries(double density, std::uint64_t words, std::uint64_t period, bool keep_end) {
  const double length = static_cast<double>(words);
  const double run = static_cast<double>(period);
  const PowerSums sums = power_sums(density, period, words / period);
  const double between = density * (length * sums.plain - run * sums.weighted);
  if (!keep_end) return density * length + between;
  const bool whole = words % period == 0;
  const double all = all_zero(density, words);
  // `sums` ends with all words zero if they are whole periods; that is no word after a value.
  const double ends_there = density * (1 + sums.plain - (whole ? all : 0)) + (whole ? all : 0);
  return density * length + between + sums.plain + (1 - ends_there);
}

std::uint64_t period_of(const Format& format) { return std::uint64_t{1} << format.run_bits; }

/// Bit i says whether byte i is not 0, of at most 64 bytes.
std::uint64_t bits_of(std::span<const std::uint8_t> bytes) {
  std::uint64_t bits = 0;
  std::size_t i = 0;
  if constexpr (std::endian::native == std::endian::little) {
    constexpr std::uint64_t kLow = 0x7f7f7f7f7f7f7f7f;
    for (; i + 8 <= bytes.size(); i += 8) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, bytes.data() + i, sizeof eight);
      eight = ((((eight & kLow) + kLow) | eight) & ~kLow) >> 7;  // 1 in each byte that is not 0
      bits |= ((eight * 0x0102040810204080) >> 56) << i;         // the product collects them on top
    }
  }
  for (; i < bytes.size(); ++i) bits |= static_cast<std::uint64_t>(bytes[i] != 0) << i;
  return bits;
}

/// Levels of zero between the values of 64 words.
std::uint64_t inner_levels(std::uint64_t bits, int run_bits) {
  std::uint64_t zeros = ~bits;
  for (int r = 0; r < run_bits && r < 6; ++r) zeros &= zeros >> (1 << r);
  if (zeros == 0) return 0;  // as nearly always: no run is that long
  std::uint64_t levels = 0;
  int last = std::countr_zero(bits);
  for (bits &= bits - 1; bits != 0; bits &= bits - 1) {
    const int next = std::countr_zero(bits);
    levels += static_cast<std::uint64_t>(next - last - 1) >> run_bits;
    last = next;
  }
  return levels;
}

std::uint64_t stretch_entries(std::span<const std::uint8_t> nonzero, int run_bits, bool keep_end) {
  std::uint64_t entries = 0;
  std::uint64_t zeros = 0;  // since the last value
  for (std::size_t at = 0; at < nonzero.size(); at += 64) {
    const auto some = nonzero.subspan(at, std::min<std::size_t>(64, nonzero.size() - at));
    const std::uint64_t bits = bits_of(some);
    if (bits == 0) {
      zeros += some.size();
      continue;
    }
    const auto before = zeros + static_cast<std::uint64_t>(std::countr_zero(bits));
    entries += (before >> run_bits) + static_cast<std::uint64_t>(std::popcount(bits)) +
               inner_levels(bits, run_bits);
    zeros = some.size() - static_cast<std::uint64_t>(std::bit_width(bits));
  }
  const std::uint64_t period = std::uint64_t{1} << run_bits;
  return keep_end ? entries + (zeros + period - 1) / period : entries;
}

/// Entries that a packed word of rlc holds.
int packed_entries(const Format& format, int word_bits) {
  const int fit = (format.packed_bits - 1) / (format.run_bits + word_bits);
  if (fit < 1) {
    refuse("a packed word of " + std::to_string(format.packed_bits) +
           " bits has no room for a run of " + std::to_string(format.run_bits) +
           " and a level of " + std::to_string(word_bits) + " beside the terminator bit");
  }
  return fit;
}

/// Bits of all formats but rlc, which needs no more than these counts, expected or exact.
double unpacked_bits(const Format& format, double words, double entries, int word_bits) {
  const double value_bits = word_bits;
  switch (format.kind) {
    case Kind::csc: {
      const double addresses = std::ceil(words / static_cast<double>(format.column_words)) + 1;
      return entries * (format.run_bits + value_bits) + addresses * format.address_bits;
    }
    case Kind::coordinate: {
      const double blocks = std::ceil(words / static_cast<double>(1LL << format.index_bits));
      return entries * (format.index_bits + value_bits) + blocks * (format.index_bits + 1);
    }
    default:
      return words + entries * value_bits;
  }
}

/// p ln(p / q), which tends to 0 with p.
double weighed_log(double p, double q) { return p <= 0 ? 0 : p * std::log(p / q); }

/// Values among `words` words that only a share `chance` of tiles exceeds, by Chernoff's bound.
std::uint64_t most_values(double density, std::uint64_t words, double chance) {
  if (density <= 0) return 0;
  if (density >= 1 || chance <= 0) return words;
  const double length = static_cast<double>(words);
  const double enough = -std::log(chance);
  const auto is_rare = [&](std::uint64_t values) {  // to have more than so many
    const double share = static_cast<double>(values + 1) / length;
    if (share <= density) return false;
    if (share > 1) return true;
    return length * (weighed_log(share, density) + weighed_log(1 - share, 1 - density)) >= enough;
  };
  std::uint64_t low = 0;
  std::uint64_t high = words;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    if (is_rare(middle)) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace

double expected_entries(const Format& format, double density, std::uint64_t words) {
  check(format, words);
  check_share("density", density);
  const double length = static_cast<double>(words);
  double entries = density * length;
  if (format.kind == Kind::rlc) {
    entries = stretch_entries(density, words, period_of(format), true);
  } else if (format.kind == Kind::csc) {
    const std::uint64_t column = std::min(format.column_words, words);
    const std::uint64_t rest = words % column;
    entries = static_cast<double>(words / column) *
              stretch_entries(density, column, period_of(format), false);
    if (rest != 0) entries += stretch_entries(density, rest, period_of(format), false);
  }
  return std::min(entries, length);  // by rounding it may lie a hair above
}

std::uint64_t count_nonzero(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t kPart = 1 << 20;  // summed in 32 bits, which takes half the instructions
  std::uint64_t sum = 0;
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(kPart, bytes.size()))) {
    std::uint32_t part = 0;
    for (const std::uint8_t byte : bytes.first(std::min(kPart, bytes.size()))) {
      part += byte != 0 ? 1U : 0U;
    }
    sum += part;
  }
  return sum;
}

std::uint64_t exact_entries(const Format& format, std::span<const std::uint8_t> nonzero) {
  check(format, nonzero.size());
  if (format.kind == Kind::rlc) return stretch_entries(nonzero, format.run_bits, true);
  if (format.kind == Kind::csc) {
    std::uint64_t entries = 0;
    while (!nonzero.empty()) {
      const auto column = nonzero.first(std::min<std::size_t>(format.column_words, nonzero.size()));
      entries += stretch_entries(column, format.run_bits, false);
      nonzero = nonzero.subspan(column.size());
    }
    return entries;
  }
  return count_nonzero(nonzero);
}

Bits expected_bits(const Format& format, double density, std::uint64_t words, int word_bits) {
  check_range("word_bits", word_bits, 1, kMaxWordBits);
  const double entries = expected_entries(format, density, words);
  const double length = static_cast<double>(words);
  const double data = density * length * word_bits;
  if (format.kind != Kind::rlc) {
    return {.data = data,
            .metadata = std::max(0.0, unpacked_bits(format, length, entries, word_bits) - data)};
  }
  const double fit = packed_entries(format, word_bits);
  const bool certain = density <= 0 || density >= 1;  // the number of entries is no chance
  const double packed =
      certain ? std::ceil(entries / fit) : std::max(1.0, (entries + (fit - 1) / 2) / fit);
  return {.data = data, .metadata = packed * format.packed_bits - data};
}

Bits encoded_bits(const Format& format, std::uint64_t words, std::uint64_t nonzeros,
                  std::uint64_t entries, int word_bits) {
  check(format, words);
  check_range("word_bits", word_bits, 1, kMaxWordBits);
  if (nonzeros > entries || entries > words) refuse("nonzeros <= entries <= words does not hold");
  const double data = static_cast<double>(nonzeros) * word_bits;
  double bits = 0;
  if (format.kind == Kind::rlc) {
    const auto fit = static_cast<std::uint64_t>(packed_entries(format, word_bits));
    bits = static_cast<double>((entries + fit - 1) / fit) * format.packed_bits;
  } else {
    bits =
        unpacked_bits(format, static_cast<double>(words), static_cast<double>(entries), word_bits);
  }
  return {.data = data, .metadata = bits - data};
}

Bits tile_bits(const Format& format, double density, std::uint64_t words, int word_bits,
               double chance) {
  check(format, words);
  check_share("density", density);
  check_share("chance", chance);
  const std::uint64_t values = most_values(density, words, chance);
  const std::uint64_t zeros = words - values;
  const std::uint64_t period = std::uint64_t{1} << format.run_bits;
  std::uint64_t entries = values;
  if (format.kind == Kind::rlc) entries += (zeros + period - 1) / period;
  if (format.kind == Kind::csc) entries += zeros / period;
  return encoded_bits(format, words, values, entries, word_bits);
}

}  // namespace dnnaccel::sparsity
