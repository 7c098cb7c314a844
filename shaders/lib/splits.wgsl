// How the positions 0 .. position of a sequence are shared out among at most SPLITS workgroups, in whole tiles of TILE
// cached rows: an early position makes few splits, and those beyond them nothing.

// Positions of a split; the last one may have fewer.
fn split_share(position: u32) -> u32 {
  let tiles = position / TILE + 1u;
  return (tiles + SPLITS - 1u) / SPLITS * TILE;
}

fn splits_used(position: u32) -> u32 {
  return position / split_share(position) + 1u;
}
