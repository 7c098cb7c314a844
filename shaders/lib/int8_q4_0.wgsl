// A block of q4_0 as it lies in memory: its low nibbles are the first 16 weights, from 0 to 15 in place of -8 to 7.
struct RowBlock {
  nibbles: vec4<u32>,
  scale: f32,
}

fn load_row(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> RowBlock {
  let at = (matrix * rows + row) * blocks + block;
  return RowBlock(weights[at], unpack2x16float(scales[at / 2u] >> (16u * (at % 2u))).x);
}

fn dot_row(w: RowBlock, x: Factor) -> f32 {
  let mask = vec4<u32>(0x0f0f0f0fu);
  let whole = dot4(w.nibbles & mask, x.low) + dot4((w.nibbles >> vec4<u32>(4u)) & mask, x.high) - 8 * x.sum;
  return w.scale * x.scale * f32(whole);
}
