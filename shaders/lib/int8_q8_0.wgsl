// A block of q8_0 as it lies in memory.
struct RowBlock {
  low: vec4<u32>,
  high: vec4<u32>,
  scale: f32,
}

fn load_row(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> RowBlock {
  let at = (matrix * rows + row) * blocks + block;
  return RowBlock(weights[2u * at], weights[2u * at + 1u], unpack2x16float(scales[at / 2u] >> (16u * (at % 2u))).x);
}

fn dot_row(w: RowBlock, x: Factor) -> f32 {
  return w.scale * x.scale * f32(dot4(w.low, x.low) + dot4(w.high, x.high));
}
