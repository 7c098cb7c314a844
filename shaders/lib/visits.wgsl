// Which visits a workgroup takes: BATCH of the same expert, by their numbers (row * slots + slot), NONE after the last one.
const NONE: u32 = 0xffffffffu;

@group(0) @binding(5) var<storage, read> visits: array<u32>;

// The visit in place v of a share; after the last one, the first.
fn visit_at(share: Share, v: u32) -> u32 {
  let visit = visits[share.first + v];
  if (visit == NONE) {
    return visits[share.first];
  }
  return visit;
}
