#include "base/host_probe_kernels.hpp"

namespace dnnaccel::base {

const ProbeKernels kAvx2Kernels = make_kernels<32>("avx2");

}  // namespace dnnaccel::base
