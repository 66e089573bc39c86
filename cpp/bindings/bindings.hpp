#pragma once

#include <pybind11/pybind11.h>

// One function per folder of cpp/, and per convention of counting, in a file of the same name;
// nothing here but translation.
namespace dnnaccel::bindings {

void register_base(pybind11::module_& module);
void register_problem(pybind11::module_& module);
void register_arch(pybind11::module_& module);
void register_mapping(pybind11::module_& module);
void register_cost(pybind11::module_& module);
void register_mapper(pybind11::module_& module);
void register_isca16(pybind11::module_& module);
void register_sparsity(pybind11::module_& module);
void register_systolic(pybind11::module_& module);
void register_row_stationary(pybind11::module_& module);
void register_scalesim(pybind11::module_& module);
void register_adder_tree(pybind11::module_& module);
void register_trace(pybind11::module_& module);
void register_tile_values(pybind11::module_& module);
void register_tile_time(pybind11::module_& module);
void register_dram(pybind11::module_& module);
void register_operators(pybind11::module_& module);
void register_kernels(pybind11::module_& module);
void register_runtime(pybind11::module_& module);
void register_kernels_bf16(pybind11::module_& module);
void register_kernels_int8(pybind11::module_& module);
void register_kernels_pooling(pybind11::module_& module);
void register_kernels_elementwise(pybind11::module_& module);
void register_kernels_normalization(pybind11::module_& module);
void register_kernels_layout(pybind11::module_& module);
void register_kernels_recurrent(pybind11::module_& module);
void register_kernels_attention(pybind11::module_& module);
void register_kernels_tiled(pybind11::module_& module);
void register_kernels_winograd(pybind11::module_& module);

}  // namespace dnnaccel::bindings
