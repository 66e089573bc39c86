#pragma once

#include <cstddef>
#include <cstdint>

// Kernels of the host probe: one body for every instruction set. A file that defines a variant is
// compiled with that set's flags, so nothing here calls the standard library: an inline function of
// it, compiled with those flags, might be the copy that the linker keeps for everyone.
namespace dnnaccel::base {

/// One variant of the kernels, compiled for one instruction set.
struct ProbeKernels {
  const char* name;
  unsigned lanes;  // fp32 values in a vector
  /// Multiply-accumulate `rounds` x kMacChains vectors; returns a value that depends on all.
  float (*multiply)(std::uint64_t rounds, float factor, float addend);
  /// Read `bytes`, a multiple of kProbeBlock, `passes` times; returns a value that depends on all.
  std::uint32_t (*read)(const void* data, std::size_t bytes, std::uint64_t passes);
  /// Write `bytes`, a multiple of kProbeBlock, `passes` times.
  void (*write)(void* data, std::size_t bytes, std::uint64_t passes);
};

/// Independent chains of multiply-accumulates: enough to hide a latency of 5 cycles on 2 units.
inline constexpr int kMacChains = 12;
/// What the streaming kernels take a multiple of: 8 of the widest vectors.
inline constexpr std::size_t kProbeBlock = 512;

extern const ProbeKernels kBaselineKernels;
extern const ProbeKernels kAvx2Kernels;
extern const ProbeKernels kAvx512Kernels;

namespace {

// Keeps the compiler from seeing that a pass over memory repeats the one before it.
inline void forget(const void* data) { asm volatile("" : : "r"(data) : "memory"); }

template <int kBytes>
struct Kernels {
  using Floats [[gnu::vector_size(kBytes)]] = float;
  using Words [[gnu::vector_size(kBytes)]] = std::uint32_t;

  static float multiply(std::uint64_t rounds, float factor, float addend) {
    const Floats scale = Floats{} + factor;
    const Floats step = Floats{} + addend;
    Floats sums[kMacChains];
    for (int i = 0; i < kMacChains; ++i) sums[i] = step * static_cast<float>(i);
    for (std::uint64_t round = 0; round < rounds; ++round) {
      for (int i = 0; i < kMacChains; ++i) sums[i] = sums[i] * scale + step;
    }
    Floats total{};
    for (int i = 0; i < kMacChains; ++i) total += sums[i];
    float lanes[kBytes / 4];
    __builtin_memcpy(lanes, &total, kBytes);
    float result = 0;
    for (const float lane : lanes) result += lane;
    return result;
  }

  static std::uint32_t read(const void* data, std::size_t bytes, std::uint64_t passes) {
    constexpr int kSums = 8;  // chains enough to read two vectors a cycle
    Words sums[kSums]{};
    for (std::uint64_t pass = 0; pass < passes; ++pass) {
      forget(data);
      const Words* at = static_cast<const Words*>(data);
      for (std::size_t done = 0; done < bytes; done += kSums * kBytes, at += kSums) {
        for (int i = 0; i < kSums; ++i) sums[i] ^= at[i];
      }
    }
    Words total{};
    for (int i = 0; i < kSums; ++i) total ^= sums[i];
    std::uint32_t lanes[kBytes / 4];
    __builtin_memcpy(lanes, &total, kBytes);
    std::uint32_t result = 0;
    for (const std::uint32_t lane : lanes) result ^= lane;
    return result;
  }

  static void write(void* data, std::size_t bytes, std::uint64_t passes) {
    constexpr int kStores = 8;
    for (std::uint64_t pass = 0; pass < passes; ++pass) {
      const Words value = Words{} + static_cast<std::uint32_t>(pass);
      Words* at = static_cast<Words*>(data);
      for (std::size_t done = 0; done < bytes; done += kStores * kBytes, at += kStores) {
        for (int i = 0; i < kStores; ++i) at[i] = value;
      }
      forget(data);
    }
  }
};

template <int kBytes>
constexpr ProbeKernels make_kernels(const char* name) {
  return {name, kBytes / 4, &Kernels<kBytes>::multiply, &Kernels<kBytes>::read,
          &Kernels<kBytes>::write};
}

}  // namespace

}  // namespace dnnaccel::base
