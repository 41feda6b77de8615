#pragma once

#include <utility>

#include "residual/kernel/panels.hpp"

namespace residual::gemm {

/// What a tile asks for beside each of B's rows: nothing, a line for the nearest cache, or a row of B for the second.
enum class Fetch { nothing, line, row };
/// Memory that a tile asks for on the way, `step` numbers further beside each of B's rows.
template <class S>
struct Ahead {
  Fetch fetch = Fetch::nothing;
  const S* from = nullptr;
  Index step = 0;
};

/// sums += A B for a tile's rows and packs.
template <Fetch fetch, class S, int Rows, int Packs>
RESIDUAL_INLINE void add_products(Pack<S> (&sums)[Rows][Packs], Index depth, const S* a, Index a_row, Index a_col,
                                  const S* b, Index b_row, Ahead<S> ahead) {
  constexpr Index lanes = Pack<S>::lanes;
  // As GCC wants it: counting up takes one register more, and an address then waits in a vector register, whose moves share a
  // port with FMA on Intel; with what is fetched going on in the loop's body GCC 12 makes large products 6 % slower.
  const Index step = fetch == Fetch::nothing ? 0 : ahead.step;
  for (Index k = depth; k > 0; --k, a += a_col, b += b_row, ahead.from += step) {
    if constexpr (fetch == Fetch::line) prefetch(ahead.from);
    if constexpr (fetch == Fetch::row) {
      RESIDUAL_UNROLL(16)
      for (Index l = 0; l < Packs * lanes; l += Blocks<S>::line) prefetch_from_afar(ahead.from + l);
    }
    Pack<S> row[Packs];
    RESIDUAL_UNROLL(16)
    for (int j = 0; j < Packs; ++j) row[j] = Pack<S>::load(b + j * lanes);
    RESIDUAL_UNROLL(16)
    for (int i = 0; i < Rows; ++i) {
      const Pack<S> value(a[i * a_row]);
      RESIDUAL_UNROLL(16)
      for (int j = 0; j < Packs; ++j) sums[i][j] = fma(value, row[j], sums[i][j]);
    }
  }
}

/// The tile C = A B + D for Rows rows and Packs packs of columns, its sums in registers, which begin with those in `begun`,
/// rows as long as a panel's, or with 0 if that is nullptr. D may be C, one row for all with a stride of 0, or nullptr for
/// sums that go on later.
template <class S, int Rows, int Packs>
void tile(Index depth, const S* a, Index a_row, Index a_col, const S* b, Index b_row, const S* begun, S* c, Index c_row,
          const S* d, Index d_row, const Ahead<S>& ahead) {
  constexpr Index lanes = Pack<S>::lanes;
  if (d == c) {
    for (Index i = 0; i < Rows; ++i) {
      for (Index j = 0; j < Packs; ++j) prefetch_to_write(c + i * c_row + j * lanes);
    }
  }
  Pack<S> sums[Rows][Packs];
  RESIDUAL_UNROLL(16)
  for (int i = 0; i < Rows; ++i) {
    RESIDUAL_UNROLL(16)
    for (int j = 0; j < Packs; ++j) {
      sums[i][j] = begun == nullptr ? Pack<S>(S(0)) : Pack<S>::load(begun + i * Blocks<S>::cols + j * lanes);
    }
  }
  switch (ahead.fetch) {
    case Fetch::nothing:
      add_products<Fetch::nothing>(sums, depth, a, a_row, a_col, b, b_row, ahead);
      break;
    case Fetch::line:
      add_products<Fetch::line>(sums, depth, a, a_row, a_col, b, b_row, ahead);
      break;
    case Fetch::row:
      add_products<Fetch::row>(sums, depth, a, a_row, a_col, b, b_row, ahead);
      break;
  }
  RESIDUAL_UNROLL(16)
  for (int i = 0; i < Rows; ++i, c += c_row) {
    RESIDUAL_UNROLL(16)
    for (int j = 0; j < Packs; ++j) {
      (d == nullptr ? sums[i][j] : Pack<S>::load(d + i * d_row + j * lanes) + sums[i][j]).store(c + j * lanes);
    }
  }
}

/// `tile` of some number of rows and packs.
template <class S>
using Tile = void (*)(Index, const S*, Index, Index, const S*, Index, const S*, S*, Index, const S*, Index,
                      const Ahead<S>&);

/// `tile` of all shapes. Its type is no template of the standard library, whose visibility would make `tiles` one object for all
/// shared libraries of a process, whatever their targets.
template <class S>
struct Tiles {
  using B = Blocks<S>;
  Tile<S> all[std::size_t(B::packs * B::rows)];

  /// The tile of some rows and packs, both from 1.
  Tile<S> of(Index rows, Index packs) const { return all[(packs - 1) * B::rows + rows - 1]; }
};
/// Makes them: number I has I % rows + 1 rows and I / rows + 1 packs.
template <class S, int... I>
constexpr Tiles<S> make_tiles(std::integer_sequence<int, I...>) {
  constexpr int rows = Blocks<S>::rows;
  return {{&tile<S, I % rows + 1, I / rows + 1>...}};
}
/// The tiles of a scalar, made at compile time.
template <class S>
inline constexpr Tiles<S> tiles = make_tiles<S>(std::make_integer_sequence<int, Blocks<S>::packs * Blocks<S>::rows>());

}  // namespace residual::gemm
