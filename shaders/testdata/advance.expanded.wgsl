// advance
// Moves rows on: rows[r].position += by.

struct Params {
  rows: u32,
  by: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> rows: array<vec2<u32>>;  // (sequence, position)

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) row: u32) {
  if (row < params.rows) {
    rows[row].y += params.by;
  }
}

