// A band is two rows of a matrix, ROW_STEP apart.
struct Band {
  a: RowBlock,
  b: RowBlock,
}

alias Dots = vec2<f32>;

fn load_band(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Band {
  return Band(load_row(matrix, min(row, rows - 1u), block, rows, blocks), load_row(matrix, min(row + ROW_STEP, rows - 1u), block, rows, blocks));
}

fn dot_band(sum: Dots, w: Band, x: Factor) -> Dots {
  return dot_2(sum, w.a, w.b, x);
}

fn write_band(v: u32, row: u32, dots: Dots) {
  write(v, row, dots.x);
  write(v, row + ROW_STEP, dots.y);
}

fn first_of(dots: Dots) -> f32 {
  return dots.x;
}
