// The text of a PDF. A bundle of its own, which comes when somebody gives the page a PDF.

import { getDocument, PDFWorker } from 'pdfjs-dist';

/** So long a PDF may take, in milliseconds: one may be made to take for ever. */
const PATIENCE = 60_000;

/** The text of all pages, as far as `limit` characters. The worker is the caller's to end. */
export async function readPDF(data: Uint8Array, worker: Worker, limit: number): Promise<string> {
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error('the PDF takes too long')), PATIENCE));
  return Promise.race([read(data, worker, limit), late]);
}

async function read(data: Uint8Array, worker: Worker, limit: number): Promise<string> {
  const port = PDFWorker.create({ port: worker });
  // Nothing is fetched, and no font is made: only the text counts.
  const document = await getDocument({ data, worker: port, useSystemFonts: false, disableFontFace: true, enableXfa: false, stopAtErrors: false }).promise;
  let text = '';
  for (let number = 1; number <= document.numPages && text.length < limit; number++) {
    const page = await document.getPage(number);
    const { items } = await page.getTextContent();
    for (const item of items) if ('str' in item) text += item.str + (item.hasEOL ? '\n' : '');
    text += '\n\n';
    page.cleanup();
  }
  return text;
}
