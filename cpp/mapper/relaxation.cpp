#include "mapper/relaxation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dnnaccel::mapper {

using problem::Role;

namespace {

constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }
constexpr int kInputs = problem::index(Role::inputs);
constexpr int kOutputs = problem::index(Role::outputs);

}  // namespace

Relaxation::Relaxation(const problem::Problem& problem, const arch::Architecture& architecture,
                       const cost::Sparsity& sparsity, const TileWords& words,
                       const std::vector<DimGraph>& graphs, const std::vector<std::uint32_t>& keeps)
    : problem_(problem),
      architecture_(architecture),
      sparsity_(sparsity),
      words_(words),
      keeps_(keeps),
      shared_(cost::shared_dims(problem, architecture)) {
  const int levels = architecture.size();
  for (int d = 0; d < problem.dims(); ++d)
    bounds_[at(d)] = static_cast<double>(problem.bounds[at(d)]);
  const auto keeper = [&](int level, int role) {
    return level == levels || (level >= 0 && (keeps_[at(level)] >> role & 1U) != 0);
  };
  ways_.resize(at(levels));
  outer_array_.assign(at(levels), false);
  bool array_above = false;
  for (int level = 0; level < levels; ++level) {
    outer_array_[at(level)] = array_above;
    const bool array = architecture.array(level) != nullptr;
    array_above = array_above || array;
    arrays_ += array ? 1 : 0;
    for (int role = 0; role < problem::kRoles; ++role) {
      Way& way = ways_[at(level)][at(role)];
      way.parent = level - 1;
      while (way.parent >= 0 && !keeper(way.parent, role)) --way.parent;
      way.child = array ? level + 1 : level;
      while (!keeper(way.child, role)) ++way.child;
      way.compute = way.child == levels;
      way.outermost = array;
      for (int between = way.parent + 1; between < level; ++between) {
        if (architecture.array(between) == nullptr) continue;
        way.arrays = true;
        way.outermost = false;
      }
      if (array) {
        way.forwards = cost::forwards(architecture, {.role = problem::kEveryRole[at(role)],
                                                     .parent = way.parent,
                                                     .child = way.child,
                                                     .compute = way.compute});
        way.form = way.compute        ? sparsity.crossing[at(role)]
                   : role == kOutputs ? 1
                                      : sparsity.stored[at(way.child)][at(role)];
      }
    }
  }
  // Below each keeper of sums: what a sum that begins there, and so is read nowhere, spares.
  first_visits_.assign(at(levels), 0);
  double spared = 0;
  int child = levels;
  for (int level = levels - 1; level >= 0; --level) {
    if (const arch::Array* array = architecture.array(level)) {
      if (array->charge[kOutputs] == arch::Charge::delivery) {
        spared += array->energy * (child == levels ? sparsity.crossing[kOutputs] : 1.0);
      }
      continue;
    }
    if (!keeper(level, kOutputs)) continue;
    const arch::Memory& memory = *architecture.memory(level);
    const auto factor = [&](int l) {
      return child == levels ? sparsity.asked[at(l)][kOutputs] : sparsity.stored[at(l)][kOutputs];
    };
    spared += memory.read_energy * factor(level);
    if (child < levels) {
      spared += architecture.memory(child)->write_energy * sparsity.stored[at(child)][kOutputs];
    }
    first_visits_[at(level)] = spared;
    child = level;
  }
  const double outputs = static_cast<double>(problem.tensor(Role::outputs).words());
  const double macs = static_cast<double>(problem.macs());
  constant_ = macs * sparsity.work * architecture.mac_energy - first_visits_[0] * outputs;
  constant_ -= outputs * (1 - sparsity.finished) * architecture.memory(0)->write_energy;
  // At least so many steps are taken, and at least one cycle.
  const double units = static_cast<double>(architecture.mac_units());
  constant_ +=
      architecture.leakage_energy * std::max(1.0, std::ceil(macs / units) * sparsity.steps);
  Tiles ones{};
  for (int role = 0; role < problem::kRoles; ++role) {
    int parent = levels - 1;
    while (!keeper(parent, role)) --parent;
    bool through_array = false;
    for (int level = parent + 1; level < levels; ++level) {
      through_array = through_array || architecture.array(level) != nullptr;
    }
    if (through_array) continue;  // cross_array takes it in
    const arch::Memory& memory = *architecture.memory(parent);
    const double asked = sparsity.asked[at(parent)][at(role)];
    const double energy =
        role == kOutputs ? memory.read_energy + memory.write_energy : memory.read_energy;
    constant_ += words.fetched(role, ones) * energy * asked;
  }
  for (int role = 0; role < problem::kRoles; ++role) {
    classes_.push_back({.role = role});
    for (const Slide& slide : words.slides()) {
      const bool inside = (words.absent(role) >> slide.dim & 1U) != 0;
      if (inside || role == kInputs) classes_.push_back({.role = role, .slide = slide});
      if (inside) classes_.push_back({.role = role, .slide = slide, .windows_only = true});
    }
  }
  for (int d = 0; d < problem.dims(); ++d) {
    if ((words.absent(kOutputs) >> d & 1U) != 0) idle_ *= words.idle(d);
  }
  least_sure_.resize(at(levels));
  std::uint32_t alone = 0;
  for (int role = 0; role < problem::kRoles; ++role) {
    apart_ = apart_ && (alone & words.absent(role)) == 0;
    alone |= words.absent(role);
    for (int level = 0; level < levels; ++level) {
      double& least = least_sure_[at(level)][at(role)];
      least = 1;
      for (int d = 0; d < problem.dims(); ++d) {
        if ((words.absent(role) >> d & 1U) != 0) continue;
        double most = 0;
        for (const ChainNode& node : graphs[at(d)].nodes[at(level)]) {
          most = std::max(most, idling(d, static_cast<std::uint16_t>(node.value)));
        }
        least *= 1 - std::min(1.0, most);
      }
    }
  }
  std::uint32_t shared_axis = words.absent(kInputs);
  for (const Slide& slide : words.slides()) shared_axis |= 1U << slide.dim;
  plain_inputs_ = ~shared_axis;
}

bool Relaxation::fits(int level, const Tiles& tiles) const {
  const arch::Memory* memory = architecture_.memory(level);
  if (memory == nullptr || memory->capacity_words == arch::kUnlimitedWords) return true;
  std::uint64_t needed = 0;
  for (int role = 0; role < problem::kRoles; ++role) {
    if ((keeps(level) >> role & 1U) == 0) continue;
    needed += sparsity_.stored_words(level, role,
                                     static_cast<std::uint64_t>(words_.largest(role, tiles)));
  }
  if (memory->buffering == arch::Buffering::twofold) needed *= 2;
  return needed <= memory->capacity_words;
}

void Relaxation::enter_memory(int level, const Tiles& tiles, Pending& pending) const {
  const arch::Memory* memory = architecture_.memory(level);
  if (memory == nullptr || level == 0) return;
  for (int role = 0; role < problem::kRoles; ++role) {
    if ((keeps(level) >> role & 1U) == 0) continue;
    const Way& way = ways_[at(level)][at(role)];
    const arch::Memory& parent = *architecture_.memory(way.parent);
    const double here = sparsity_.stored[at(level)][at(role)];
    const double there = sparsity_.stored[at(way.parent)][at(role)];
    const double words = words_.fetched(role, tiles);
    if (role == kOutputs) {
      double energy = memory->read_energy * here;
      if (!way.arrays) {
        energy += memory->write_energy * here + (parent.read_energy + parent.write_energy) * there;
      }
      pending.parts[Pending::kOutputs] += energy * words;
      pending.begun = outer_array_[at(level)] ? first_visits_[at(level)] * words : 0;
    } else {
      const int delivered = role == kInputs ? Pending::kDelivered : Pending::kWeights;
      pending.parts[at(delivered)] += memory->write_energy * here * words;
      if (!way.arrays) {
        pending.parts[at(role)] += parent.read_energy * there * words;
      }
      if (role == kInputs) pending.fixed = 0;
    }
    pending.open = static_cast<std::uint8_t>(pending.open | 1U << role);
  }
}

void Relaxation::enter_outside(int level, const Tiles& tiles, Pending& pending) const {
  if (architecture_.memory(level) != nullptr) {
    enter_memory(level, tiles, pending);
    return;
  }
  for (int role = 0; role < problem::kRoles; ++role) {
    const Way& way = ways_[at(level)][at(role)];
    if (way.compute || !way.outermost) continue;
    const arch::Memory& parent = *architecture_.memory(way.parent);
    const double energy = role == kOutputs ? parent.write_energy : parent.read_energy;
    pending.parts[at(role)] += energy * sparsity_.stored[at(way.parent)][at(role)] *
                               words_.fetched(role, tiles) * sure(role, tiles);
  }
}

double Relaxation::idling(int dim, std::uint16_t value) const {
  const double idle =
      static_cast<double>(words_.tile(dim, value)) * words_.passes(dim, value) - bounds_[at(dim)];
  return std::max(0.0, idle / bounds_[at(dim)]);
}

/// The part of the words of a role that is sure to be fetched although some instances idle at an
/// edge, and may keep what they have.
double Relaxation::sure(int role, const Tiles& tiles) const {
  double part = 1;
  for (int d = 0; d < problem_.dims(); ++d) {
    if ((words_.absent(role) >> d & 1U) == 0) part *= 1 - std::min(1.0, idling(d, tiles[at(d)]));
  }
  return part;
}

void Relaxation::cross_array(int level, const Tiles& inside, const Tiles& outside,
                             Pending& pending) const {
  const arch::Array& array = *architecture_.array(level);
  for (int role = 0; role < problem::kRoles; ++role) {
    const Way& way = ways_[at(level)][at(role)];
    const std::uint32_t shared = way.forwards ? ~0U : shared_[at(level)][at(role)];
    const arch::Memory& parent = *architecture_.memory(way.parent);
    const double there = way.compute ? sparsity_.asked[at(way.parent)][at(role)]
                                     : sparsity_.stored[at(way.parent)][at(role)];
    const double charge = array.energy * way.form;
    double delivered = 0;
    double sent = 0;
    double once = 0;  // all splits united
    if (way.compute) {
      // Every MAC asks; instances that ask for the same word at the same time share it.
      Tiles ones{};
      delivered = words_.fetched(role, ones);
      double sharing = 1;
      double uniting = 1;
      for (int d = 0; d < problem_.dims(); ++d) {
        if ((words_.absent(role) >> d & 1U) == 0) continue;
        // Inner arrays may share as well: all that is spread up to here.
        const double spread = arrays_ == 1 ? static_cast<double>(words_.tile(d, outside[at(d)])) /
                                                 static_cast<double>(words_.tile(d, inside[at(d)]))
                                           : static_cast<double>(words_.tile(d, outside[at(d)]));
        const double united = std::ceil(bounds_[at(d)] / std::ceil(spread)) / bounds_[at(d)];
        if ((shared >> d & 1U) != 0 || arrays_ > 1) sharing *= united;
        uniting *= united;
      }
      if (role == kInputs) {
        for (std::size_t i = 0; i < words_.slides().size(); i += 2) {
          const int p = words_.slides()[i].dim;
          const int r = words_.slides()[i + 1].dim;
          const auto spread = [&](int d) {
            const auto wide = static_cast<double>(words_.tile(d, outside[at(d)]));
            return arrays_ == 1
                       ? std::ceil(wide / static_cast<double>(words_.tile(d, inside[at(d)])))
                       : wide;
          };
          const double meeting = 1 / std::min(spread(p), spread(r));
          sharing *= meeting;
          uniting *= meeting;
        }
      }
      if (arrays_ > 1) delivered *= way.outermost ? sharing : 0;
      sent = arrays_ > 1 ? delivered : delivered * sharing;
      once = (arrays_ > 1 ? delivered : delivered * uniting);
    } else {
      Tiles tiles = outside;
      for (int d = 0; d < problem_.dims(); ++d) {
        if ((shared >> d & 1U) == 0) tiles[at(d)] = inside[at(d)];
      }
      delivered = words_.fetched(role, inside);
      sent = std::min(delivered, words_.fetched(role, tiles));
      once = std::min(delivered, words_.fetched(role, outside));
    }
    const bool settled = (pending.open >> role & 1U) == 0;
    if (settled && !way.compute) {
      // Loops inside stand between the keeper and this array: what they multiply, or along which
      // axis the inputs slide there, is not known here.
      if (role == kInputs) once = std::min(once, words_.distinct(outside));
      once *= sure(role, outside);
      delivered = once;
      sent = once;
    }
    double leaving = 0;
    double arriving = 0;
    if (array.charge[at(role)] == arch::Charge::delivery) {
      arriving += charge * (delivered + (role == kOutputs ? once : 0));
    } else if (array.charge[at(role)] == arch::Charge::hop) {
      arriving += charge * std::max(0.0, delivered - sent);
    }
    if (way.forwards) {
      const arch::Memory& child = *architecture_.memory(way.child);
      arriving += child.read_energy * sparsity_.stored[at(way.child)][at(role)] *
                  std::max(0.0, delivered - sent);
    }
    if (way.outermost) {
      if (role == kOutputs) {
        leaving += (parent.read_energy + parent.write_energy) * there * sent;
        if (!way.compute) {
          const arch::Memory& child = *architecture_.memory(way.child);
          leaving += child.write_energy * sparsity_.stored[at(way.child)][kOutputs] * once;
        }
      } else {
        leaving += parent.read_energy * there * sent;
      }
    }
    if (role == kOutputs && !way.compute && pending.begun > 0) {
      // Of the instances that sum the same outputs one goes on from what is there, and the others
      // begin anew, which spares what reading would take.
      double instances = 1;
      for (int d = 0; d < problem_.dims(); ++d) {
        if ((words_.absent(role) >> d & 1U) == 0) continue;
        const double spread = std::ceil(static_cast<double>(words_.tile(d, outside[at(d)])) /
                                        static_cast<double>(words_.tile(d, inside[at(d)])));
        instances *= spread;
        // At an edge some idle, and yet have sums to drain if the loops outside are spared.
        pending.begun *=
            spread * words_.passes(d, outside[at(d)]) / words_.passes(d, inside[at(d)]);
      }
      leaving -= pending.begun * (1 - 1 / instances);
      pending.begun = outer_array_[at(level)] ? pending.begun / instances : 0;
    }
    if (way.compute || settled) {
      pending.settled += leaving + arriving;
    } else if (role == kInputs) {
      pending.parts[Pending::kInputs] += leaving;
      pending.parts[Pending::kDelivered] += arriving;
    } else {
      pending.parts[at(role)] += leaving + arriving;
    }
  }
  // What an instance holds slides on only as far as its neighbours' tiles leave it the next ones.
  for (const Slide& slide : words_.slides()) {
    const std::int64_t next = words_.tile(slide.dim, outside[at(slide.dim)]);
    if (!words_.overlaps(slide, inside, next)) {
      pending.fixed = static_cast<std::uint16_t>(pending.fixed | 1U << slide.dim);
    }
  }
}

double Relaxation::left(const Tiles& tiles, const Pending& pending) const {
  double least = std::numeric_limits<double>::infinity();
  std::array<double, problem::kRoles> certain;
  for (int role = 0; role < problem::kRoles; ++role) certain[at(role)] = sure(role, tiles);
  for (const OrderClass& order : classes_) {
    if (order.windows_only) continue;  // leaves more than the class that it is part of
    const std::uint32_t inner = absent(order.role);
    std::array<double, Pending::kParts> part;
    for (int role = 0; role < problem::kRoles; ++role) part[at(role)] = certain[at(role)];
    for (int d = 0; d < problem_.dims(); ++d) {
      if ((inner >> d & 1U) == 0) continue;
      const double once = 1 / words_.passes(d, tiles[at(d)]);
      for (int role = 0; role < problem::kRoles; ++role) {
        if ((absent(role) >> d & 1U) != 0) part[at(role)] *= once;
      }
    }
    part[Pending::kDelivered] = part[Pending::kInputs];
    if (order.slide.dim >= 0) {
      const double slid = words_.least_slid(order.slide, tiles);
      part[Pending::kInputs] *= slid;
      if ((pending.fixed >> order.slide.dim & 1U) == 0) part[Pending::kDelivered] *= slid;
    }
    double sum = pending.settled - pending.begun * idle_;
    for (int i = 0; i < Pending::kParts; ++i) {
      sum += pending.parts[at(i)] * (pending.parts[at(i)] > 0 ? part[at(i)] : 1);
    }
    least = std::min(least, sum);
  }
  return least;
}

double Relaxation::left_outside(int level, const Tiles& tiles, const Pending& pending) const {
  if (!apart_) return left(tiles, pending);
  // Arrays inside may share what the MACs ask for as well.
  double room = 1;
  for (int inside = level; inside < architecture_.size(); ++inside) {
    if (const arch::Array* array = architecture_.array(inside)) {
      room *= static_cast<double>(array->rows) * static_cast<double>(array->columns);
    }
  }
  // What the parents send if nothing is shared, and whether loops outside may spare it.
  std::array<double, problem::kRoles> sends{};
  std::array<bool, problem::kRoles> spared{};
  const Tiles ones{};
  for (int role = 0; role < problem::kRoles; ++role) {
    const Way& way = ways_[at(level)][at(role)];
    const bool open = (pending.open >> role & 1U) != 0;
    if (!way.outermost || (!way.compute && !open)) continue;
    const arch::Memory& parent = *architecture_.memory(way.parent);
    const double there = way.compute ? sparsity_.asked[at(way.parent)][at(role)]
                                     : sparsity_.stored[at(way.parent)][at(role)];
    const double energy =
        role == kOutputs ? parent.read_energy + parent.write_energy : parent.read_energy;
    const Tiles& from = way.compute ? ones : tiles;
    const double words = role == kInputs ? words_.distinct(from) : words_.fetched(role, from);
    sends[at(role)] = energy * there * words * least_sure_[at(level)][at(role)];
    spared[at(role)] = !way.compute;
  }
  double slid = 1;
  for (const Slide& slide : words_.slides()) slid = std::min(slid, words_.least_slid(slide, tiles));
  double least = std::numeric_limits<double>::infinity();
  for (int role = 0; role < problem::kRoles; ++role) {
    double once = 1;
    for (int d = 0; d < problem_.dims(); ++d) {
      if ((absent(role) >> d & 1U) != 0) once /= words_.passes(d, tiles[at(d)]);
    }
    double sum = pending.settled - pending.begun * idle_;
    for (int i = 0; i < Pending::kParts; ++i) {
      const int of = i == Pending::kDelivered ? kInputs : i;
      const double part = pending.parts[at(i)];
      if (part <= 0) {
        sum += part;
        continue;
      }
      sum += part * least_sure_[at(level)][at(of)] * (of == role ? once : 1) *
             (of == kInputs ? slid : 1);
    }
    // Instances that share the words of one role do not share those of another: of all shares of
    // the room, equal terms have the least sum.
    double most = 0;
    for (std::uint32_t set = 1; set <= problem::kAllRoles; ++set) {
      double product = 1 / room;
      int terms = 0;
      for (int other = 0; other < problem::kRoles; ++other) {
        if ((set >> other & 1U) == 0) continue;
        ++terms;
        product *= other == role && spared[at(other)] ? 0 : sends[at(other)];
      }
      most = std::max(most, terms * std::pow(product, 1.0 / terms));
    }
    least = std::min(least, sum + most);
  }
  return least;
}

}  // namespace dnnaccel::mapper
