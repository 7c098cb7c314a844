import { useEffect, useRef, useState } from 'preact/hooks';
import { bytes } from '../format';
import { Icon } from '../icons';
import { t } from '../language';
import { useStore } from '../store';
import type { Entry, Shelf } from './shelf';
import { MAX_BYTES } from './extract';

/** The files of the open chat, above the question. Files may be dropped anywhere on the page; a packed model is no file of a chat. */
export function Attached({ shelf, onModel }: { shelf: Shelf; onModel: (files: File[]) => void }) {
  const entries = useStore(shelf.entries);
  const over = useDrop((files) => (files.some((f) => f.name === 'model.json') ? onModel(files) : void shelf.add(files)));
  return (
    <>
      {over && (
        <p class="drop-here" aria-hidden="true">
          {t('dropHere')}
        </p>
      )}
      {entries.length > 0 && (
        <ul class="sources" aria-label={t('sources')}>
          {entries.map((entry) => (
            <SourceChip key={entry.id} entry={entry} onRemove={() => void shelf.remove(entry.id)} />
          ))}
        </ul>
      )}
    </>
  );
}

function SourceChip({ entry: { name, size, error, source }, onRemove }: { entry: Entry; onRemove: () => void }) {
  const state = error ? 'failed' : source ? 'ready' : 'reading';
  return (
    <li data-testid="source" data-state={state}>
      <span class="name" dir="auto" title={name}>
        {name}
      </span>
      {error ? (
        <span class="hint" role="alert" data-testid="failure" data-code={codeOf(error)}>
          {t(error, { limit: bytes(MAX_BYTES) })}
        </span>
      ) : (
        <span class="hint">{source ? bytes(size) : t('sourceReading')}</span>
      )}
      <button type="button" class="icon-button" aria-label={`${t('sourceRemove')}: ${name}`} title={t('sourceRemove')} onClick={onRemove}>
        <Icon name="close" />
      </button>
    </li>
  );
}

/** source_too_large, as codes are written. */
const codeOf = (reason: NonNullable<Entry['error']>): string => reason.replace(/(?<![A-Z])[A-Z]/g, (c) => `_${c}`).toLowerCase();

export function AttachButton({ shelf }: { shelf: Shelf }) {
  const input = useRef<HTMLInputElement>(null);
  const take = (e: { currentTarget: HTMLInputElement }) => {
    void shelf.add([...(e.currentTarget.files ?? [])]);
    e.currentTarget.value = ''; // the same file may be chosen again
  };
  return (
    <>
      <input ref={input} type="file" multiple hidden data-testid="attach-input" onChange={take} />
      <button type="button" class="icon-button attach" data-testid="attach" aria-label={t('attach')} title={t('attach')} onClick={() => input.current!.click()}>
        <Icon name="clip" />
      </button>
    </>
  );
}

/** Takes files that are dropped on the page; true while some are held above it. */
function useDrop(onFiles: (files: File[]) => void): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const holds = (e: DragEvent) => e.dataTransfer?.types.includes('Files') ?? false;
    const onOver = (e: DragEvent) => {
      if (!holds(e)) return;
      e.preventDefault(); // or the browser would open the file in place of the page
      setOver(true);
    };
    const onLeave = (e: DragEvent) => e.relatedTarget === null && setOver(false);
    const onDrop = (e: DragEvent) => {
      if (!holds(e)) return;
      e.preventDefault();
      setOver(false);
      const transfer = e.dataTransfer!;
      const folders = [...transfer.items].flatMap((item) => item.webkitGetAsEntry?.() ?? []); // at once: later they are gone
      if (!folders.some((entry) => entry.isDirectory)) return onFiles([...transfer.files]);
      void import('../own-files').then(({ filesOfAll }) => filesOfAll(folders)).then(onFiles);
    };
    addEventListener('dragover', onOver);
    addEventListener('dragleave', onLeave);
    addEventListener('drop', onDrop);
    return () => {
      removeEventListener('dragover', onOver);
      removeEventListener('dragleave', onLeave);
      removeEventListener('drop', onDrop);
    };
  }, []);
  return over;
}
