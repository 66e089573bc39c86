#pragma once

#include <cstdint>
#include <span>
#include <string>

/// Compressed formats: how many bits a tensor takes when its zeros are not stored.
///
/// L words of b bits, of which a share d (the density) is not zero; q = 1 - d, runs of zeros are
/// coded in r bits, K = 2^r. A stored value with what says where it belongs is an *entry*.
///
/// - rlc: run-length coding as in Eyeriss (Chen et al., ISSCC 2016 and JSSC 52(1), 2017). An entry
///   is (zeros before, level). A run of K - 1 zeros is followed by whatever comes next as its
///   level, so K zeros in a row are one entry with level zero; so is what is left at the end.
///   Packed words of `packed_bits` hold as many entries as fit beside one bit that says whether
///   the word is the last (64 bits: three of 5 + 16 bits); the last one is padded.
/// - csc: compressed sparse column as in EIE (Han et al., ISCA 2016) and Eyeriss v2. Columns of
///   `column_words` words: entries as in rlc, but a column's last zeros are left out, and one
///   address per column, and one more for the end, says where it begins.
/// - bitmask: one bit per word, and the values that are not zero.
/// - coordinate: an index of `index_bits` per value that is not zero. Tensors longer than the
///   2^index_bits words that it can name are cut into blocks of that size; each begins with its
///   number of entries, in index_bits + 1 bits.
///
/// Data bits are the values that are not zero, d L b whatever the format. All else is metadata:
/// runs, indices, addresses, masks, zero levels, terminators and padding.
namespace dnnaccel::sparsity {

enum class Kind : std::uint8_t { rlc, csc, bitmask, coordinate };

struct Format {
  Kind kind = Kind::bitmask;
  int run_bits = 5;                 ///< rlc, csc: bits of a run, 1..16
  int packed_bits = 64;             ///< rlc: bits of a packed word, at most 2^16
  int address_bits = 16;            ///< csc: bits of a column's address, 1..64
  std::uint64_t column_words = 64;  ///< csc: words of a column
  int index_bits = 16;              ///< coordinate: bits of an index, 1..48
  bool operator==(const Format&) const = default;
};

/// Bits of a whole vector; exact counts are whole numbers below 2^53.
struct Bits {
  double data = 0;
  double metadata = 0;
};

inline constexpr std::uint64_t kMaxWords = 1ULL << 43;
inline constexpr int kMaxWordBits = 512;

/// Expected number of entries if every word is zero with probability 1 - density, independently.
/// Exact for any number of words:
///
///   rlc  d L + sum_{j=1}^{J} q^{jK} (d (L - jK) + 1) + 1 - u,  J = floor(L / K): the values, the
///        zero levels (j K zeros ending here, behind a value or the start), and the rest at the
///        end unless an entry ends there: u = d sum_{jK < L} q^{jK} + [K divides L] q^L.
///        Per word, for L without end: d / (1 - q^K).
///   csc  each column of H words: d H + d sum_{j=1}^{floor(H/K)} q^{jK} (H - jK)
///   bitmask, coordinate  d L
///
/// Throws std::invalid_argument for a format, density (0..1) or length out of range.
double expected_entries(const Format& format, double density, std::uint64_t words);

/// Number of bytes that are not 0.
std::uint64_t count_nonzero(std::span<const std::uint8_t> bytes);

/// Number of entries of a real tensor; nonzero[i] is not 0 where word i is not zero.
std::uint64_t exact_entries(const Format& format, std::span<const std::uint8_t> nonzero);

/// Expected bits of a vector under the same chances. Exact but for rlc's padding: entries modulo
/// those of a packed word are taken to be uniform, which holds unless the vector is short or the
/// density near 1, and is never off by more than one packed word.
///
/// Throws std::invalid_argument also if a packed word has no room for an entry.
Bits expected_bits(const Format& format, double density, std::uint64_t words, int word_bits);

/// Exact bits of `words` words of which `nonzeros` are not zero, in `entries` entries.
Bits encoded_bits(const Format& format, std::uint64_t words, std::uint64_t nonzeros,
                  std::uint64_t entries, int word_bits);

/// Bits that a tile of `words` words takes at most, but for a probability of `chance`: what a
/// memory must have that does not spill. Words are zero independently, so the number n that are not
/// is binomial, and by Chernoff's bound, with a = (n + 1) / L,
///
///   P(more than n) <= exp(-L (a ln(a / d) + (1 - a) ln((1 - a) / q)));
///
/// the least n for which this is at most `chance` is taken, and the arrangement of the zeros that
/// needs most entries: n + ceil((L - n) / K) in rlc, floor in csc. A chance of 0 is the tile
/// without a zero. Throws std::invalid_argument as above, and for a chance outside 0..1.
Bits tile_bits(const Format& format, double density, std::uint64_t words, int word_bits,
               double chance);

}  // namespace dnnaccel::sparsity
