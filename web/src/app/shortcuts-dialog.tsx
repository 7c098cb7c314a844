import { Dialog } from './dialog';
import { t } from './language';

/** The keys that do something, by what they do. */
export function ShortcutsDialog({ onClose }: { onClose: () => void }) {
  const shortcuts: [string[], string][] = [
    [['Enter'], t('send')],
    [['Shift', 'Enter'], t('newLine')],
    [['Esc'], t('stopAnswer')],
    [['/'], t('toQuestion')],
    [['Ctrl', 'K'], t('searchChats')],
    [['Ctrl', 'B'], t('toggleChats')],
    [['Ctrl', 'Shift', 'O'], t('newChat')],
    [['?'], t('shortcuts')],
  ];
  return (
    <Dialog title={t('shortcuts')} onClose={onClose}>
      <dl class="facts">
        {shortcuts.map(([keys, what]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
