#include "base/cpu_features.hpp"

namespace dnnaccel::base {

namespace {

CpuFeatures detect() {
  CpuFeatures found;
#if defined(__x86_64__)
  // The compiler's run-time support asks the operating system too: registers that it does not save
  // cannot be used.
  __builtin_cpu_init();
  found.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  found.avx512 = found.avx2 && __builtin_cpu_supports("avx512f") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                 __builtin_cpu_supports("avx512vl");
  found.avx512_vnni = found.avx512 && __builtin_cpu_supports("avx512vnni");
  found.avx512_bf16 = found.avx512 && __builtin_cpu_supports("avx512bf16");
#elif defined(__aarch64__)
  found.neon = true;
#endif
  return found;
}

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

}  // namespace dnnaccel::base
