// A band is one row of a matrix.
struct Band {
  a: RowBlock,
}

alias Dots = f32;

fn load_band(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Band {
  return Band(load_row(matrix, min(row, rows - 1u), block, rows, blocks));
}

fn dot_band(sum: Dots, w: Band, x: Factor) -> Dots {
  return dot_1(sum, w.a, x);
}

fn write_band(v: u32, row: u32, dots: Dots) {
  write(v, row, dots);
}

fn first_of(dots: Dots) -> f32 {
  return dots;
}
