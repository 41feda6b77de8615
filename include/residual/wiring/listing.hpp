#pragma once

#include "residual/layers/layer.hpp"
#include "residual/wiring/matrices.hpp"
#include "residual/wiring/site.hpp"

namespace residual {

/// The parameters of a norm that a scheme owns, which know whether the scheme listed them.
template <class L>
struct ParamsOf : L::Params {
  static_assert(is_norm<L>());
  bool listed = false;
};

/// The tape of a norm that a scheme owns, which knows whether the scheme listed it and whether this pass wrote it.
template <class L>
struct TapeOf : L::Tape {
  bool listed = false, written = false;
};

/// A callable list(carver, field, site).
template <class List, class S, class T>
concept ListsField = std::invocable < List&,
        Carver<S>
&, T&, Site > ;
/// A callable list(carver).
template <class List, class S>
concept ListsOnce = std::invocable < List&,
        Carver<S>
& > ;

/// With what a scheme lists what it owns, each field once and in any order. A stack walks through the list once for each
/// block and once for what it has a single time, so that the numbers of one block follow one another in memory.
template <class S>
class Listing {
 public:
  Index blocks() const { return blocks_; }
  Index sites() const { return blocks_ * slots_; }

  /// list(c, field[k], k) for every sub-layer k, in names that begin with `name` and the slot's number from 1:
  /// each_site("gate", gate, ...) lists layers.0.gate1, layers.0.gate2, layers.1.gate1, ...
  template <class T, ListsField<S, T> List>
  void each_site(const char* name, PerSite<T>& field, List&& list) {
    field.resize(blocks_, slots_);
    for (Index slot = 0; part_ < blocks_ && slot < slots_; ++slot) {
      const Site k{part_, slot, blocks_, slots_};
      c_.within(name, slot + 1, "", [&] { list(c_, field[k], k); });
    }
  }
  /// list(c, field[k], k) for every block, where k is its first site: each_block("gate", gate, ...) lists layers.0.gate, ...
  template <class T, ListsField<S, T> List>
  void each_block(const char* name, PerBlock<T>& field, List&& list) {
    field.resize(blocks_, slots_);
    const Site k{part_, 0, blocks_, slots_};
    if (part_ < blocks_) c_.within(name, [&] { list(c_, field[k], k); });
  }
  /// list(c, field[k], k) for every block, behind all blocks: numbered("alphas.", a, ...) lists alphas.0, alphas.1, ...
  template <class T, ListsField<S, T> List>
  void numbered(const char* name, PerBlock<T>& field, List&& list) {
    field.resize(blocks_, slots_);
    for (Index block = 0; part_ == blocks_ && block < blocks_; ++block) {
      const Site k{block, 0, blocks_, slots_};
      c_.within(name, block, "", [&] { list(c_, field[k], k); });
    }
  }
  /// list(c) for what the stack has a single time.
  template <ListsOnce<S> List>
  void once(List&& list) {
    if (part_ == blocks_) list(c_);
  }

 protected:
  /// The walk for block number `part`, or, where part == blocks, for what the stack has a single time.
  Listing(Carver<S>& c, Index blocks, Index slots, Index part) : c_(c), blocks_(blocks), slots_(slots), part_(part) {}

 private:
  Carver<S>& c_;
  Index blocks_, slots_, part_;
};

/// Lists parameters: Params::carve(ParamListing<S>& list, const Scheme& w).
template <class S>
class ParamListing : public Listing<S> {
 public:
  using Listing<S>::each_site;
  using Listing<S>::each_block;
  using Listing<S>::once;

  /// Of a scheme whose streams are `dim` wide.
  ParamListing(Carver<S>& c, Index blocks, Index slots, Index part, Index dim)
      : Listing<S>(c, blocks, slots, part), dim_(dim) {}

  /// A norm at every sub-layer: each_site("norm", norm, w.norm) lists layers.0.norm1.weight, ...
  template <Norm L>
  void each_site(const char* name, PerSite<ParamsOf<L>>& field, const L& norm) {
    each_site(name, field, [&](Carver<S>& c, ParamsOf<L>& p, Site) { carve(c, ".", p, norm); });
  }
  /// A norm in every block: each_block("norm1", norm, w.norm) lists layers.0.norm1.weight, ...
  template <Norm L>
  void each_block(const char* name, PerBlock<ParamsOf<L>>& field, const L& norm) {
    each_block(name, field, [&](Carver<S>& c, ParamsOf<L>& p, Site) { carve(c, ".", p, norm); });
  }
  /// A norm that the stack has a single time: once("norm.", last, w.last) lists norm.weight, ...
  template <Norm L>
  void once(const char* name, ParamsOf<L>& field, const L& norm) {
    once([&](Carver<S>& c) { carve(c, name, field, norm); });
  }
  /// One norm, as the functions above do it: for norms that stand at some places only.
  template <Norm L>
  void carve(Carver<S>& c, const char* name, ParamsOf<L>& p, const L& norm) const {
    norm.check();
    if constexpr (requires { norm.dim; }) {
      expect(norm.dim == dim_ || norm.dim == 0, "A norm of the residual scheme is ", norm.dim,
             " wide, but its streams are ", dim_, "; give all norms of a scheme one width.");
    }
    c(name, p, norm);
    p.listed = true;
  }

 private:
  Index dim_;
};

/// Lists what a scheme keeps for backward: Tape::carve(TapeListing<S>& list, const Scheme& w).
template <class S>
class TapeListing : public Listing<S> {
 public:
  using Listing<S>::each_site;
  using Listing<S>::each_block;
  using Listing<S>::once;

  /// Of one pass.
  TapeListing(Carver<S>& c, Index blocks, Index slots, Index part, const Pass<S>& pass)
      : Listing<S>(c, blocks, slots, part), pass_(pass) {}

  /// Rows of what forward itself reads again, as the whole history.
  Index tokens() const { return pass_.tokens(); }
  /// Rows of what only backward reads: none in inference.
  Index kept_tokens() const { return pass_.kept_tokens(); }

  /// The tape of a norm at every sub-layer.
  template <Norm L>
  void each_site(PerSite<TapeOf<L>>& field, const L& norm) {
    each_site("", field, [&](Carver<S>& c, TapeOf<L>& t, Site) { carve(c, t, norm); });
  }
  /// The tape of a norm in every block.
  template <Norm L>
  void each_block(PerBlock<TapeOf<L>>& field, const L& norm) {
    each_block("", field, [&](Carver<S>& c, TapeOf<L>& t, Site) { carve(c, t, norm); });
  }
  /// The tape of a norm that the stack has a single time.
  template <Norm L>
  void once(TapeOf<L>& field, const L& norm) {
    once([&](Carver<S>& c) { carve(c, field, norm); });
  }
  /// The tape of one norm, as the functions above do it: for norms that stand at some places only.
  template <Norm L>
  void carve(Carver<S>& c, TapeOf<L>& tape, const L& norm) const {
    tape.carve(c, norm, pass_);
    tape.listed = true;
    tape.written = false;
  }

 private:
  const Pass<S>& pass_;
};

}  // namespace residual
