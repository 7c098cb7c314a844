// A band is four rows of a matrix, ROW_STEP apart.
struct Band {
  a: RowBlock,
  b: RowBlock,
  c: RowBlock,
  d: RowBlock,
}

alias Dots = vec4<f32>;

fn load_band(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Band {
  return Band(
    load_row(matrix, min(row, rows - 1u), block, rows, blocks),
    load_row(matrix, min(row + ROW_STEP, rows - 1u), block, rows, blocks),
    load_row(matrix, min(row + 2u * ROW_STEP, rows - 1u), block, rows, blocks),
    load_row(matrix, min(row + 3u * ROW_STEP, rows - 1u), block, rows, blocks),
  );
}

fn dot_band(sum: Dots, w: Band, x: Factor) -> Dots {
  return dot_4(sum, w.a, w.b, w.c, w.d, x);
}

fn write_band(v: u32, row: u32, dots: Dots) {
  write(v, row, dots.x);
  write(v, row + ROW_STEP, dots.y);
  write(v, row + 2u * ROW_STEP, dots.z);
  write(v, row + 3u * ROW_STEP, dots.w);
}

fn first_of(dots: Dots) -> f32 {
  return dots.x;
}
