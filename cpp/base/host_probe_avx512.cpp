#include "base/host_probe_kernels.hpp"

namespace dnnaccel::base {

const ProbeKernels kAvx512Kernels = make_kernels<64>("avx512");

}  // namespace dnnaccel::base
