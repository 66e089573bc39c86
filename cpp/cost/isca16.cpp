#include "cost/isca16.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/math.hpp"
#include "base/thread_pool.hpp"

namespace dnnaccel::cost::isca16 {

namespace {

using base::ceil_div;

constexpr double kMaxWords = 9007199254740992.0;  // 2^53
// Mappings whose energies differ by less than rounding does are equally good.
constexpr double kTie = 1e-12;

/// Whole numbers as doubles: counts are products of these, and halos divide them.
double real(std::int64_t value) { return static_cast<double>(value); }
double passes(std::int64_t extent, std::int64_t tile) { return real(ceil_div(extent, tile)); }

/// The layer's totals, in the paper's letters: MACs T, outputs, weights W.
struct Totals {
  double macs = 0;
  double outputs = 0;
  double weights = 0;

  explicit Totals(const Layer& l)
      : outputs(real(l.batch) * real(l.groups) * real(l.filters) * real(l.out_rows) *
                real(l.out_columns)),
        weights(real(l.groups) * real(l.filters) * real(l.channels) * real(l.filter_rows) *
                real(l.filter_columns)) {
    macs = outputs * real(l.channels) * real(l.filter_rows) * real(l.filter_columns);
  }
};

double images_and_channels(const Layer& l) {
  return real(l.batch) * real(l.groups) * real(l.channels);
}

/// Input rows, and columns, that so many output rows and columns reach.
std::int64_t rows_of(const Layer& l, std::int64_t out) {
  return (out - 1) * l.row_stride + l.filter_rows;
}
std::int64_t columns_of(const Layer& l, std::int64_t out) {
  return (out - 1) * l.column_stride + l.filter_columns;
}

/// Input words when it is taken in strips of e output rows: E/e of them, a fractional number.
double in_strips(const Layer& l, std::int64_t e) {
  return real(l.out_rows) / real(e) * real(rows_of(l, e)) * real(l.in_columns) *
         images_and_channels(l);
}

std::int64_t filter_words(const Layer& l) { return l.channels * l.filter_rows * l.filter_columns; }

/// Elements a mapping uses.
std::int64_t elements(Dataflow dataflow, const Layer& l, const Mapping& x) {
  switch (dataflow) {
    case Dataflow::rs:
      return l.filter_rows * x.e * x.r * x.t;
    case Dataflow::ws:
      return l.filter_rows * l.filter_columns * x.k * x.m;
    case Dataflow::osa:
      return x.w * x.h;
    case Dataflow::osb:
      return x.w * x.m * x.n;
    case Dataflow::osc:
      return x.m * x.n;
    case Dataflow::nlr:
      return x.k * x.m;
  }
  return 0;
}

std::int64_t rf_words(Dataflow dataflow, const Layer& l, const Mapping& x) {
  switch (dataflow) {
    case Dataflow::rs:  // p x q filter rows, q windows of an input row, p partial sums
      return (x.p + 1) * x.q * l.filter_columns + x.p;
    case Dataflow::nlr:
      return 0;
    default:  // a weight or a partial sum; operands that only pass are free
      return 1;
  }
}

/// Words in the buffer: what each held filter takes, and what is there besides.
struct BufferNeed {
  std::int64_t per_filter = 0;
  std::int64_t besides = 0;
};

BufferNeed buffer_need(Dataflow dataflow, const Layer& l, const Mapping& x) {
  switch (dataflow) {
    case Dataflow::rs:
      return {x.n * x.e * l.out_columns, x.n * x.q * x.r * rows_of(l, x.e) * l.in_columns};
    case Dataflow::ws:  // partial sums of the filters across the array, whole images, whole batch
      return {0, x.m * l.out_rows * l.out_columns * l.batch};
    case Dataflow::osa:
      return {filter_words(l), l.channels * columns_of(l, x.w) * rows_of(l, x.h)};
    case Dataflow::osb:
      return {filter_words(l), x.n * l.channels * l.filter_rows * columns_of(l, x.w)};
    case Dataflow::osc:
      return {filter_words(l), x.n > 1 ? x.n * filter_words(l) : 0};
    case Dataflow::nlr:
      return {x.n * x.e * l.out_columns + x.k * l.filter_rows * l.filter_columns,
              x.n * x.k * rows_of(l, x.e) * l.in_columns};
  }
  return {};
}

/// Filters that the array works on at a time; the buffer must hold what it holds of them.
std::int64_t filters_at_work(Dataflow dataflow, const Layer& l, const Mapping& x) {
  return dataflow == Dataflow::rs ? std::min(l.filters, x.p * x.t) : x.m;
}

std::int64_t buffer_words(Dataflow dataflow, const Layer& l, const Mapping& x) {
  const BufferNeed need = buffer_need(dataflow, l, x);
  return std::max(x.held, filters_at_work(dataflow, l, x)) * need.per_filter + need.besides;
}

// Each of the six below gives the paper's counts of one dataflow, RF, array, buffer and DRAM reads;
// MACs and DRAM writes are the same for all.

Accesses row_stationary(const Layer& l, const Totals& all, const Mapping& x) {
  const double first_sums = all.outputs * real(l.filter_rows) * passes(l.channels, x.q);
  const double visits = passes(l.channels, x.q * x.r);
  const double strips = in_strips(l, x.e);
  const double rf_sums = 2 * all.macs - 2 * first_sums;
  const double array_sums = first_sums - all.outputs * visits;
  const double buffer_sums = 2 * (visits - 1) * all.outputs;
  return {.rf = 2 * all.macs + rf_sums,
          .array = all.weights * real(l.out_rows) * passes(l.batch, x.n) +
                   images_and_channels(l) * real(l.in_columns) * real(l.out_rows) *
                       real(l.filter_rows) * passes(l.filters, x.p) +
                   array_sums,
          .buffer = strips * passes(l.filters, x.p * x.t) + buffer_sums,
          .dram_reads = all.weights * passes(l.batch, x.n) * passes(l.out_rows, x.e) +
                        strips * passes(l.filters, x.held),
          .rf_sums = rf_sums,
          .array_sums = array_sums,
          .buffer_sums = buffer_sums};
}

Accesses weight_stationary(const Layer& l, const Totals& all, const Mapping& x) {
  // Sums meet along one row of the filter and the channels across the array, then in the buffer.
  const double visits = real(l.filter_rows) * passes(l.channels, x.k);
  const double inputs = images_and_channels(l) * real(l.in_rows) * real(l.in_columns);
  const double array_sums = all.macs - all.outputs * visits;
  const double buffer_sums = 2 * (visits - 1) * all.outputs;
  return {.rf = all.macs,
          .array = all.macs + array_sums,
          .buffer = buffer_sums,
          .dram_reads = all.weights + inputs * passes(l.filters, x.m),
          .array_sums = array_sums,
          .buffer_sums = buffer_sums};
}

Accesses output_stationary(const Totals& all, double weights, double inputs, double dram_inputs) {
  const double rf_sums = 2 * all.macs - 2 * all.outputs;
  return {.rf = rf_sums,
          .array = 2 * all.macs,
          .buffer = weights + inputs,
          .dram_reads = all.weights + dram_inputs,
          .rf_sums = rf_sums};
}

Accesses output_stationary_a(const Layer& l, const Totals& all, const Mapping& x) {
  const double windows = real(l.out_columns) / real(x.w) * real(l.out_rows) / real(x.h) *
                         real(columns_of(l, x.w)) * real(rows_of(l, x.h)) * images_and_channels(l);
  const double rereads = real(l.batch) * passes(l.out_columns, x.w) * passes(l.out_rows, x.h);
  return output_stationary(all, all.weights * rereads, windows * real(l.filters),
                           windows * passes(l.filters, x.held));
}

Accesses output_stationary_b(const Layer& l, const Totals& all, const Mapping& x) {
  const double windows = real(l.out_columns) / real(x.w) * real(columns_of(l, x.w)) *
                         real(l.filter_rows) * real(l.out_rows) * images_and_channels(l);
  const double rereads = real(l.out_rows) * passes(l.out_columns, x.w) * passes(l.batch, x.n);
  return output_stationary(all, all.weights * rereads, windows * passes(l.filters, x.m),
                           windows * passes(l.filters, x.held));
}

Accesses output_stationary_c(const Layer& l, const Totals& all, const Mapping& x) {
  const double windows = all.macs / real(l.filters);
  return output_stationary(all, all.macs * passes(l.batch, x.n) / real(l.batch),
                           windows * passes(l.filters, x.m), windows * passes(l.filters, x.held));
}

Accesses no_local_reuse(const Layer& l, const Totals& all, const Mapping& x) {
  const double visits = real(l.filter_rows) * real(l.filter_columns) * passes(l.channels, x.k);
  const double array_sums = all.macs - all.outputs * visits;
  const double buffer_sums = 2 * (visits - 1) * all.outputs;
  return {.array = all.macs + array_sums,
          .buffer = all.macs + all.macs / real(l.filters) * passes(l.filters, x.m) + buffer_sums,
          .dram_reads = all.weights * passes(l.batch, x.n) * passes(l.out_rows, x.e) +
                        in_strips(l, x.e) * passes(l.filters, x.held),
          .array_sums = array_sums,
          .buffer_sums = buffer_sums};
}

Accesses count(Dataflow dataflow, const Layer& l, const Mapping& x) {
  const Totals all(l);
  Accesses out;
  switch (dataflow) {
    case Dataflow::rs:
      out = row_stationary(l, all, x);
      break;
    case Dataflow::ws:
      out = weight_stationary(l, all, x);
      break;
    case Dataflow::osa:
      out = output_stationary_a(l, all, x);
      break;
    case Dataflow::osb:
      out = output_stationary_b(l, all, x);
      break;
    case Dataflow::osc:
      out = output_stationary_c(l, all, x);
      break;
    case Dataflow::nlr:
      out = no_local_reuse(l, all, x);
      break;
  }
  out.macs = all.macs;
  out.dram_writes = all.outputs;
  return out;
}

std::optional<Misfit> misfit(Dataflow dataflow, const Layer& l, const Storage& s,
                             const Mapping& x) {
  const auto check = [](Place place, std::int64_t needed, std::int64_t there) {
    return needed > there ? std::optional<Misfit>({place, needed, there}) : std::nullopt;
  };
  if (auto out = check(Place::elements, elements(dataflow, l, x), s.elements)) return out;
  if (auto out = check(Place::rf, rf_words(dataflow, l, x), s.rf_words)) return out;
  return check(Place::buffer, buffer_words(dataflow, l, x), s.buffer_words);
}

/// The best mapping so far of one job, and the least misfit.
class Judge {
 public:
  explicit Judge(const Job& job) : job_(job) {}

  /// Judge a mapping whose `held` is still to be chosen: as many filters as the buffer takes, and
  /// no more at work than that.
  void consider(Mapping x) {
    const BufferNeed need = buffer_need(job_.dataflow, job_.layer, x);
    if (need.per_filter > 0) {
      const std::int64_t room = job_.storage.buffer_words - need.besides;
      x.held = std::clamp<std::int64_t>(room / need.per_filter, 1, job_.layer.filters);
      x.m = std::min(x.m, x.held);
      x.p = std::min(x.p, x.held);
      if (x.held < job_.layer.filters) x.t = std::clamp<std::int64_t>(x.held / x.p, 1, x.t);
    }
    if (const auto found = isca16::misfit(job_.dataflow, job_.layer, job_.storage, x)) {
      if (!out_.misfit || closer(*found, *out_.misfit)) out_.misfit = found;
      return;
    }
    ++out_.evaluated;
    const Accesses accesses = count(job_.dataflow, job_.layer, x);
    const double energy = job_.objective.of(accesses);
    const std::int64_t used = elements(job_.dataflow, job_.layer, x);
    const bool tied = out_.best && std::abs(energy - energy_) <= kTie * energy_;
    if (out_.best && (tied ? used <= out_.evaluation.elements : energy > energy_)) return;
    energy_ = energy;
    out_.best = x;
    out_.evaluation = {.accesses = accesses, .elements = used, .misfit = std::nullopt};
  }

  Outcome outcome() && {
    if (out_.best) out_.misfit.reset();
    return std::move(out_);
  }

 private:
  /// Whether a mapping fails later, or by less, than another.
  static bool closer(const Misfit& a, const Misfit& b) {
    return a.place != b.place ? a.place > b.place : a.needed < b.needed;
  }

  const Job& job_;
  Outcome out_;
  double energy_ = 0;
};

/// Tile sizes worth trying where only the number of passes counts: the smallest for each number.
std::vector<std::int64_t> smallest_tiles(std::int64_t extent) {
  std::vector<std::int64_t> out;
  for (std::int64_t tile = 1; tile <= extent; ++tile) {
    if (out.empty() || ceil_div(extent, tile) < ceil_div(extent, out.back())) out.push_back(tile);
  }
  return out;
}

/// The most filters across an array that has `share` elements for each of them.
std::int64_t filters_across(const Job& job, std::int64_t share) {
  return std::clamp<std::int64_t>(job.storage.elements / share, 1, job.layer.filters);
}

void search_rs(const Job& job, Judge& judge, const std::atomic<bool>& stop) {
  const Layer& l = job.layer;
  const auto batches = smallest_tiles(l.batch);
  const std::int64_t sets = std::max<std::int64_t>(job.storage.elements / l.filter_rows, 1);
  for (std::int64_t e = 1; e <= std::min(l.out_rows, sets) && !stop; ++e) {
    for (std::int64_t r = 1; r <= std::min(l.channels, sets / e); ++r) {
      for (std::int64_t q = 1; q * r < l.channels + r; ++q) {
        const std::int64_t row = q * l.filter_columns;
        const std::int64_t p = (job.storage.rf_words - row) / (row + 1);
        if (p < 1 && q > 1) break;
        Mapping x{.e = e, .p = std::clamp<std::int64_t>(p, 1, l.filters), .q = q, .r = r};
        x.t = std::clamp<std::int64_t>(sets / (e * r), 1, ceil_div(l.filters, x.p));
        for (const std::int64_t n : batches) {
          x.n = n;
          judge.consider(x);
        }
      }
    }
  }
}

void search_ws(const Job& job, Judge& judge) {
  const Layer& l = job.layer;
  const std::int64_t filter = l.filter_rows * l.filter_columns;
  const std::int64_t images = l.out_rows * l.out_columns * l.batch;
  for (std::int64_t k = 1; k <= l.channels && (k == 1 || filter * k <= job.storage.elements); ++k) {
    const std::int64_t m = std::min(filters_across(job, filter * k),
                                    std::max<std::int64_t>(job.storage.buffer_words / images, 1));
    judge.consider({.m = m, .k = k});
  }
}

void search_osa(const Job& job, Judge& judge, const std::atomic<bool>& stop) {
  const Layer& l = job.layer;
  for (std::int64_t w = 1; w <= std::min(l.out_columns, job.storage.elements) && !stop; ++w) {
    for (std::int64_t h = 1; h <= std::min(l.out_rows, job.storage.elements / w); ++h) {
      judge.consider({.w = w, .h = h});
    }
  }
}

void search_osb(const Job& job, Judge& judge, const std::atomic<bool>& stop) {
  const Layer& l = job.layer;
  for (std::int64_t w = 1; w <= std::min(l.out_columns, job.storage.elements) && !stop; ++w) {
    for (std::int64_t n = 1; n <= std::min(l.batch, job.storage.elements / w); ++n) {
      judge.consider({.m = filters_across(job, w * n), .w = w, .n = n});
    }
  }
}

void search_osc(const Job& job, Judge& judge) {
  for (std::int64_t n = 1; n <= std::min(job.layer.batch, job.storage.elements); ++n) {
    judge.consider({.m = filters_across(job, n), .n = n});
  }
}

void search_nlr(const Job& job, Judge& judge, const std::atomic<bool>& stop) {
  const Layer& l = job.layer;
  const auto batches = smallest_tiles(l.batch);
  for (std::int64_t k = 1; k <= std::min(l.channels, job.storage.elements) && !stop; ++k) {
    const std::int64_t m = filters_across(job, k);
    for (std::int64_t e = 1; e <= l.out_rows; ++e) {
      for (const std::int64_t n : batches) judge.consider({.m = m, .k = k, .n = n, .e = e});
    }
  }
}

Outcome search_one(const Job& job, const std::atomic<bool>& stop) {
  Judge judge(job);
  switch (job.dataflow) {
    case Dataflow::rs:
      search_rs(job, judge, stop);
      break;
    case Dataflow::ws:
      search_ws(job, judge);
      break;
    case Dataflow::osa:
      search_osa(job, judge, stop);
      break;
    case Dataflow::osb:
      search_osb(job, judge, stop);
      break;
    case Dataflow::osc:
      search_osc(job, judge);
      break;
    case Dataflow::nlr:
      search_nlr(job, judge, stop);
      break;
  }
  return std::move(judge).outcome();
}

void validate(const Storage& storage) {
  if (storage.elements < 1 || storage.buffer_words < 0 || storage.rf_words < 0)
    throw std::invalid_argument("isca16: needs an element at least, and no negative storage");
}

}  // namespace

void Layer::validate() const {
  for (const std::int64_t size :
       {batch, groups, filters, channels, out_rows, out_columns, filter_rows, filter_columns,
        row_stride, column_stride, in_rows, in_columns}) {
    if (size < 1 || real(size) > kMaxWords)
      throw std::invalid_argument("isca16: a size of the layer is " + std::to_string(size) +
                                  "; sizes are 1 to 2^53");
  }
  const double inputs = images_and_channels(*this) * real(in_rows) * real(in_columns);
  if (Totals(*this).macs > kMaxWords || inputs > kMaxWords)
    throw std::invalid_argument("isca16: more than 2^53 MACs or input words");
  if (real(out_rows - 1) * real(row_stride) + real(filter_rows) > real(in_rows) ||
      real(out_columns - 1) * real(column_stride) + real(filter_columns) > real(in_columns))
    throw std::invalid_argument("isca16: the outputs reach beyond the padded input");
}

Evaluation evaluate(Dataflow dataflow, const Layer& layer, const Storage& storage,
                    const Mapping& mapping) {
  layer.validate();
  validate(storage);
  for (const auto& [value, most] : {std::pair{mapping.m, layer.filters},
                                    {mapping.k, layer.channels},
                                    {mapping.w, layer.out_columns},
                                    {mapping.h, layer.out_rows},
                                    {mapping.n, layer.batch},
                                    {mapping.e, layer.out_rows},
                                    {mapping.p, layer.filters},
                                    {mapping.q, layer.channels},
                                    {mapping.r, layer.channels},
                                    {mapping.t, layer.filters},
                                    {mapping.held, layer.filters}}) {
    if (value < 1 || value > most)
      throw std::invalid_argument("isca16: a parameter of the mapping is " + std::to_string(value) +
                                  "; the layer has 1 to " + std::to_string(most) + " of that");
  }
  return {.accesses = count(dataflow, layer, mapping),
          .elements = elements(dataflow, layer, mapping),
          .misfit = misfit(dataflow, layer, storage, mapping)};
}

std::vector<Outcome> search(const std::vector<Job>& jobs, unsigned threads,
                            const std::function<bool(std::size_t)>& poll) {
  for (const Job& job : jobs) {
    job.layer.validate();
    validate(job.storage);
  }
  std::vector<Outcome> outcomes(jobs.size());
  std::atomic<bool> stop{false};
  base::run_tasks(
      jobs.size(), threads == 0 ? base::default_threads() : threads,
      [&](std::size_t i) { outcomes[i] = search_one(jobs[i], stop); }, poll, stop);
  return outcomes;
}

}  // namespace dnnaccel::cost::isca16
