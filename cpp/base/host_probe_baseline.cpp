#include "base/host_probe_kernels.hpp"

namespace dnnaccel::base {

const ProbeKernels kBaselineKernels = make_kernels<16>("baseline");

}  // namespace dnnaccel::base
