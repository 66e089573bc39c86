#pragma once

// What this machine's processor, and the operating system on it, can run.
namespace dnnaccel::base {

struct CpuFeatures {
  bool avx2 = false;         // AVX2 and FMA
  bool avx512 = false;       // AVX-512 F, BW, DQ and VL
  bool avx512_vnni = false;  // with it, dot products of 8-bit integers
  bool avx512_bf16 = false;  // with it, dot products of bfloat16
  bool neon = false;         // the vectors of every 64-bit ARM

  bool operator==(const CpuFeatures&) const = default;
};

/// Found out once, at the first call.
const CpuFeatures& cpu_features();

}  // namespace dnnaccel::base
