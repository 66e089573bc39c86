#include "kernels/int8/pack.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace dnnaccel::kernels {

namespace {

constexpr std::int64_t kQuad = 4;

AlignedBytes make_bytes(std::size_t size) {
  AlignedBytes made{.memory = AlignedFloats((size + 3) / 4), .size = size};
  std::fill_n(made.data(), size, std::int8_t{0});
  return made;
}

/// Where each panel's rows begin, each panel at a cache line. Returns the bytes of all.
std::size_t place(std::vector<Int8Panel>& panels, std::int64_t rows) {
  std::size_t total = 0;
  for (Int8Panel& panel : panels) {
    panel.weights = total;
    total += (static_cast<std::size_t>(panel.row_length * rows * kQuad) + 63) / 64 * 64;
  }
  return total;
}

/// The weight of row `row` of the panel, where row t * depth + d is of tap t and input channel d.
std::int8_t weight(const Int8Weights& weights, std::int64_t channel, std::int64_t row) {
  const std::int64_t at = row % weights.depth * weights.taps + row / weights.depth;
  return weights.values[channel * weights.depth * weights.taps + at];
}

/// Rows that a run is of, and the quad in which they begin.
struct Stretch {
  std::int64_t row;
  std::int64_t length;
  std::int64_t quad;
};

void pack_stretch(const Int8Panel& panel, const Int8Weights& weights, const Stretch& stretch,
                  std::int8_t* to) {
  const std::int64_t whole = stretch.length / kQuad * kQuad;
  const std::int64_t last = std::max(stretch.length - kQuad, std::int64_t{0});
  for (std::int64_t c = 0; c < panel.width; ++c) {
    for (std::int64_t k = 0; k < stretch.length; ++k) {
      // The last quad of a length that is no multiple of four is of the last four values.
      const std::int64_t quad = stretch.quad + k / kQuad;
      const std::int64_t byte = k < whole ? k % kQuad : k - last;
      to[(quad * panel.row_length + c) * kQuad + byte] =
          weight(weights, panel.first + c, stretch.row + k);
    }
  }
}

}  // namespace

AlignedBytes pack_quads(std::vector<Int8Panel>& panels, const Int8Weights& weights,
                        std::vector<Run>& runs) {
  std::vector<Stretch> stretches;
  std::int64_t quads = 0;
  if (weights.depth % kQuad == 0) {
    quads = weights.depth * weights.taps / kQuad;
    stretches.push_back({.row = 0, .length = quads * kQuad, .quad = 0});
    for (Run& run : runs) run.row /= static_cast<std::int32_t>(kQuad);
  } else {
    std::map<std::pair<std::int32_t, std::int32_t>, std::int64_t> known;
    for (Run& run : runs) {
      const auto [found, is_new] = known.try_emplace({run.row, run.length}, quads);
      if (is_new) {
        stretches.push_back({.row = run.row, .length = run.length, .quad = quads});
        quads += (run.length + kQuad - 1) / kQuad;
      }
      if (quads > std::numeric_limits<std::int32_t>::max())
        throw std::invalid_argument("convolution: the weights are too many to be packed");
      run.row = static_cast<std::int32_t>(found->second);
    }
  }
  AlignedBytes bytes = make_bytes(place(panels, quads));
  for (const Int8Panel& panel : panels) {
    for (const Stretch& stretch : stretches)
      pack_stretch(panel, weights, stretch, bytes.data() + panel.weights);
  }
  return bytes;
}

AlignedBytes pack_lanes(std::vector<Int8Panel>& panels, const Int8Weights& weights) {
  AlignedBytes bytes = make_bytes(place(panels, weights.taps));
  for (const Int8Panel& panel : panels) {
    auto* const to = reinterpret_cast<std::int32_t*>(bytes.data() + panel.weights);
    for (std::int64_t tap = 0; tap < weights.taps; ++tap) {
      for (std::int64_t c = 0; c < panel.width; ++c)
        to[tap * panel.row_length + c] = weight(weights, panel.first + c, tap);
    }
  }
  return bytes;
}

Starts make_starts(std::vector<Int8Panel>& panels, const Int8Weights& weights,
                   const Windows& windows, std::int64_t run_depth, std::int32_t zero) {
  Starts starts{.values = {}, .length = 0, .classes = {}};
  for (Int8Panel& panel : panels) {
    panel.start = starts.length;
    starts.length += panel.row_length;
  }
  std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> known;  // class by its runs
  std::vector<const Segment*> firsts;
  for (const Segment& segment : windows.segments) {
    const auto [found, is_new] = known.try_emplace({segment.first_run, segment.runs},
                                                   static_cast<std::int32_t>(firsts.size()));
    if (is_new) firsts.push_back(&segment);
    starts.classes.push_back(found->second);
  }
  starts.values.assign(firsts.size() * static_cast<std::size_t>(starts.length), 0);
  std::vector<std::int32_t> taps(static_cast<std::size_t>(weights.taps));
  for (const Int8Panel& panel : panels) {
    for (std::int64_t c = 0; c < panel.width; ++c) {
      const std::int64_t channel = panel.first + c;
      const std::int8_t* from = weights.values + channel * weights.depth * weights.taps;
      std::fill(taps.begin(), taps.end(), 0);
      for (std::int64_t d = 0; d < weights.depth; ++d) {
        for (std::int32_t& tap : taps) tap += *from++;
      }
      for (std::size_t kind = 0; kind < firsts.size(); ++kind) {
        std::int64_t sum = 0;
        for (std::int32_t r = 0; r < firsts[kind]->runs; ++r) {
          const Run& run = windows.runs[static_cast<std::size_t>(firsts[kind]->first_run + r)];
          const auto begin = taps.begin() + run.row / run_depth;
          for (auto tap = begin; tap < begin + run.length / run_depth; ++tap) sum += *tap;
        }
        const std::int64_t bias = weights.bias == nullptr ? 0 : weights.bias[channel];
        // Modulo 2^32, as the kernels add: check_sums() has seen to it that the whole sum fits.
        starts.values[kind * static_cast<std::size_t>(starts.length) +
                      static_cast<std::size_t>(panel.start + c)] =
            static_cast<std::int32_t>(static_cast<std::uint32_t>(bias - zero * sum));
      }
    }
  }
  return starts;
}

void check_sums(const ConvShape& shape, const Int8Weights& weights, std::int32_t low,
                std::int32_t high, std::int32_t zero) {
  const std::int64_t count = weights.depth * weights.taps;
  for (std::int64_t channel = 0; channel < shape.outputs; ++channel) {
    // Sums of the positive and of the negative weights: which taps are inside the image is not
    // asked.
    std::int64_t up = 0;
    std::int64_t down = 0;
    for (std::int64_t k = 0; k < count; ++k) {
      const std::int64_t value = weights.values[channel * count + k];
      (value > 0 ? up : down) += value;
    }
    const std::int64_t bias = weights.bias == nullptr ? 0 : weights.bias[channel];
    const std::int64_t most = bias + up * (high - zero) + down * (low - zero);
    const std::int64_t least = bias + up * (low - zero) + down * (high - zero);
    if (most > std::numeric_limits<std::int32_t>::max() ||
        least < std::numeric_limits<std::int32_t>::min())
      throw std::invalid_argument(
          "convolution: the sums of output channel " + std::to_string(channel) + " could be from " +
          std::to_string(least) + " to " + std::to_string(most) + ", which does not fit 32 bits");
  }
}

}  // namespace dnnaccel::kernels
