#include "bindings/sim_activity.hpp"

#include <pybind11/functional.h>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <vector>

namespace py = pybind11;

namespace dnnaccel::bindings {

namespace {

constexpr std::array<const char*, sim::kStalls> kCauses = {"operand",   "weights", "sums",
                                                           "bandwidth", "memory",  "edge"};

/// One number of every element, row by row.
template <typename Get>
py::array_t<std::int64_t> grid(const sim::Activity& activity, Get get) {
  py::array_t<std::int64_t> out({activity.rows, activity.columns});
  std::int64_t* to = out.mutable_data();
  for (std::size_t i = 0; i < activity.active.size(); ++i) {
    to[i] = static_cast<std::int64_t>(get(i));
  }
  return out;
}

py::list by_level(const cost::PerLevel<cost::PerRole<std::uint64_t>>& counts, int levels) {
  py::list out;
  for (std::size_t level = 0; level < static_cast<std::size_t>(levels); ++level) {
    out.append(counts[level]);
  }
  return out;
}

}  // namespace

py::object to_python(const sim::Activity& activity) {
  py::dict out;
  out["active"] = grid(activity, [&](std::size_t i) { return activity.active[i]; });
  out["gated"] = grid(activity, [&](std::size_t i) { return activity.gated[i]; });
  // kNever is all ones, which is -1 here.
  out["first"] = grid(activity, [&](std::size_t i) { return activity.first[i]; });
  out["last"] = grid(activity, [&](std::size_t i) { return activity.last[i]; });
  py::dict stalled;
  for (std::size_t cause = 0; cause < kCauses.size(); ++cause) {
    stalled[kCauses[cause]] =
        grid(activity, [&](std::size_t i) { return activity.stalled[i][cause]; });
  }
  out["stalled"] = stalled;
  return out;
}

py::dict to_python(const sim::ArrayRun& run, int levels) {
  py::dict out;
  out["cycles"] = run.cycles;
  out["macs"] = run.macs;
  out["gated_macs"] = run.gated_macs;
  out["reads"] = by_level(run.reads, levels);
  out["writes"] = by_level(run.writes, levels);
  out["activity"] = to_python(run.activity);
  return out;
}

std::function<bool(std::uint64_t, std::uint64_t)> make_poll(const RunProgress& progress) {
  return [&progress](std::uint64_t done, std::uint64_t total) {
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return !progress || !(*progress)(done, total).is(py::bool_(false));
  };
}

}  // namespace dnnaccel::bindings
