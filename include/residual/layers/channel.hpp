#pragma once

#include <concepts>

namespace residual {

/// The channel of what needs none.
struct NoChannel {};

/// A layer or attention map that reads in one block of a stack what it left in an earlier one. The stack has one Channel for
/// all its blocks, which each block's tape sees after `join`; backward begins with `clear`, so that blocks can add up a
/// gradient in it.
///
///     channel.carve(c, layer, pass)    lists what passes from block to block, as Tape::carve does
///     channel.clear()                  sets the gradients in it to 0
///     tape.join(channel)               shows it to a block's tape
template <class T>
concept Channelled = requires {
  typename T::Channel;
}
&&!std::same_as<typename T::Channel, NoChannel>;

/// The channel of T, or NoChannel.
template <class T>
struct ChannelOfType {
  /// Of what needs none.
  using Type = NoChannel;
};
/// What the blocks of a stack share.
template <Channelled T>
struct ChannelOfType<T> {
  /// Its own.
  using Type = typename T::Channel;
};
/// The channel of T, or NoChannel.
template <class T>
using ChannelOf = typename ChannelOfType<T>::Type;

}  // namespace residual
