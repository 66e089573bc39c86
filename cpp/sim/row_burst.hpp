#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/row_shape.hpp"

namespace dnnaccel::sim::rows {

/// What happens at a MAC of a burst, in this order where it happens at once.
enum class Event : std::uint8_t { use_word, begin_sum, end_sum, drop_word };

struct Moment {
  std::uint32_t mac = 0;
  Event event = Event::use_word;
  std::uint32_t index = 0;  ///< of the window's word c * S + s, or of the sum
};

/// The MACs between two outputs of an element: its loops over C, S and M, in the order that the
/// mapping gives them. A MAC is a cycle, so its number says when it is, if nothing stalls.
struct Burst {
  std::uint32_t macs = 0;
  std::uint32_t filters = 0;                         ///< p
  std::uint32_t channels = 0;                        ///< q
  std::uint32_t taps = 0;                            ///< S
  std::vector<std::uint32_t> first_word, last_word;  ///< by word: its first and its last MAC
  std::vector<std::uint32_t> first_sum, last_sum;    ///< by sum
  std::vector<std::uint32_t> by_first;               ///< words in the order of their first MAC
  std::vector<std::uint32_t> by_last;                ///< words in the order of their last
  std::vector<Moment> moments;                       ///< all of the above in order
};

/// Run through the loops of an element that has so many filters, channels and taps.
Burst burst_of(const Shape& shape, std::int64_t filters, std::int64_t channels, std::int64_t taps);

}  // namespace dnnaccel::sim::rows
