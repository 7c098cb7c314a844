import { useState } from 'preact/hooks';
import type { Library } from './chats/library';
import { ChatError } from './chats/record';
import { saveAll } from './chats/save';
import { Failure } from './failure';
import { t } from './language';

/** Larger files are refused: they would not fit in memory. */
const MAX_FILE_BYTES = 512 << 20;

/** Export and import of all chats. */
export function Transfer({ library }: { library: Library }) {
  const [problem, setProblem] = useState<ChatError>();
  const [imported, setImported] = useState<number>();
  const choose = async (input: HTMLInputElement) => {
    const file = input.files?.[0];
    if (!file) return;
    setProblem(undefined);
    setImported(undefined);
    try {
      if (file.size > MAX_FILE_BYTES) throw new ChatError('bad_import', `${file.name} has ${file.size} bytes, and at most ${MAX_FILE_BYTES} are read`);
      const { parseExport } = await import('./chats/transfer');
      const records = parseExport(await file.text());
      await library.insert(records);
      setImported(records.length);
    } catch (e) {
      setProblem(e instanceof ChatError ? e : new ChatError('bad_import', String(e)));
    }
    input.value = ''; // the same file may be chosen again
  };
  return (
    <section class="transfer" aria-label={t('keepChats')}>
      <h3>{t('keepChats')}</h3>
      <p class="hint">{t('exportHint')}</p>
      <p class="buttons">
        <button type="button" class="button" data-testid="export" onClick={() => void saveAll(library)}>
          {t('exportChats')}
        </button>
        <label class="button file-button">
          {t('importChats')}
          <input type="file" data-testid="import" accept=".json,application/json" aria-label={t('importChats')} onChange={(e) => void choose(e.currentTarget)} />
        </label>
      </p>
      <p role="status">{imported !== undefined && t('imported', { count: imported })}</p>
      {problem && <Failure error={problem} />}
    </section>
  );
}
