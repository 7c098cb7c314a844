import { teller } from '../app/language';
import { BENCH_TEXTS } from '../app/texts';

/** A text of this page. */
export const t = teller(BENCH_TEXTS);
