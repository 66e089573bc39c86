#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels/gemm/pack.hpp"
#include "kernels/operator.hpp"

// What the bindings of all kernels share: an operator as Python holds it, and its arrays.
namespace dnnaccel::bindings {

/// An operator with memory to work in, for one caller at a time if it needs any. A runtime's
/// program shares `op` and brings its own.
struct PyOperator {
  explicit PyOperator(std::shared_ptr<const kernels::Operator> made);

  std::shared_ptr<const kernels::Operator> op;
  kernels::AlignedFloats scratch;
  std::mutex in_use;
};

/// "(1, 2)"
std::string shape_text(const kernels::Shape& shape);

/// Throws std::invalid_argument: "`name` must be `why`".
[[noreturn]] void refuse(const char* name, const std::string& why);

/// The array's values, if they are stored as `spec` says; else refuse().
const void* checked(const pybind11::array& array, const char* name,
                    const kernels::TensorSpec& spec);

/// How it is held in Python.
std::unique_ptr<PyOperator> held(std::unique_ptr<kernels::Operator> made);

using FloatArray = pybind11::array_t<float, pybind11::array::c_style | pybind11::array::forcecast>;

/// A copy of an array's values in row-major order.
std::vector<float> values_of(const FloatArray& array);

}  // namespace dnnaccel::bindings
