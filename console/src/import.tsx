import { useState } from 'preact/hooks';
import type { ChangeSummary } from '../../src/directory/changes.ts';
import type { ImportCounts } from '../../src/directory/store.ts';
import { type Change, Failure, urlOf } from './api.ts';
import { ChangeList } from './change-list.tsx';
import { Failed, Id } from './parts.tsx';
import { mayChange, revision, toFailure, words } from './state.ts';

/** What an import would change, or has changed. */
export type ImportResult = ImportCounts & { changes?: ChangeSummary };

type Step =
  | { name: 'choose'; failure?: Failure | undefined; isNotNdjson?: boolean }
  | { name: 'sending'; part: number }
  | { name: 'checked'; file: File; replace: boolean; result: ImportResult }
  | { name: 'done' };

/** Sends a file; fetch says nothing of its progress. */
function send(
  file: File,
  query: Record<string, string | undefined>,
  onPart: (part: number) => void,
): Promise<ImportResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ImportResult>();
  const request = new XMLHttpRequest();
  request.open('POST', urlOf('/directory/import', query));
  request.setRequestHeader('content-type', 'application/x-ndjson');
  request.responseType = 'json';
  request.upload.onprogress = ({ loaded, total }) => onPart(loaded / total);
  request.onload = () => {
    const { status, response } = request;
    if (status === 200) resolve(response);
    else reject(new Failure(response?.code ?? `HTTP ${status}`, response ?? {}));
  };
  request.onerror = () => reject(new Failure('unreachable'));
  request.send(file);
  return promise;
}

/** A dry run first, and then the import. */
export function Import() {
  const [step, setStep] = useState<Step>({ name: 'choose' });
  const [replace, setReplace] = useState(false);
  const text = words.value.changes;
  const onPart = (part: number) => setStep({ name: 'sending', part });
  const flags = (isDryRun: boolean, replaces: boolean) => ({
    ...(isDryRun && { dryRun: 'true' }),
    ...(replaces && { replace: 'true' }),
  });
  const fail = (error: unknown) => setStep({ name: 'choose', failure: toFailure(error) });
  const check = async (file: File | undefined) => {
    if (!file) return;
    if (!(await isNdjson(file))) return setStep({ name: 'choose', isNotNdjson: true });
    onPart(0);
    await send(file, flags(true, replace), onPart).then(
      (result) => setStep({ name: 'checked', file, replace, result }),
      fail,
    );
  };
  const confirm = async (file: File, replaces: boolean) => {
    onPart(0);
    await send(file, flags(false, replaces), onPart).then(() => {
      setStep({ name: 'done' });
      revision.value++;
    }, fail);
  };
  return (
    <section class="drop">
      <h2>{text.import}</h2>
      {step.name === 'choose' && (
        <Choose step={step} replace={replace} onReplace={setReplace} onFile={check} />
      )}
      {step.name === 'sending' && <Progress part={step.part} />}
      {step.name === 'checked' && (
        <Checked
          result={step.result}
          onConfirm={() => confirm(step.file, step.replace)}
          onCancel={() => setStep({ name: 'choose' })}
        />
      )}
      {step.name === 'done' && (
        <p role="status">
          {text.done}{' '}
          <button type="button" onClick={() => setStep({ name: 'choose' })}>
            {text.again}
          </button>
        </p>
      )}
    </section>
  );
}

/** The first line begins an object; the service checks the rest. */
async function isNdjson(file: File): Promise<boolean> {
  const start = (await file.slice(0, 4096).text()).trimStart();
  return start === '' || start.startsWith('{');
}

type ChooseProps = {
  step: Extract<Step, { name: 'choose' }>;
  replace: boolean;
  onReplace(replace: boolean): void;
  onFile(file: File | undefined): void;
};

function Choose({ step: { failure, isNotNdjson }, replace, onReplace, onFile }: ChooseProps) {
  const text = words.value.changes;
  return (
    <>
      <label>
        {text.drop}
        <input type="file" onChange={(event) => onFile(event.currentTarget.files?.[0])} />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={replace}
          onChange={(event) => onReplace(event.currentTarget.checked)}
        />
        {text.replace}
      </label>
      <p class="soft">{text.format}</p>
      {isNotNdjson && (
        <p role="alert" class="failure">
          {text.notNdjson}
        </p>
      )}
      {failure && failure.errors.length > 0 && (
        <p role="alert">{text.problems(failure.errors.length)}</p>
      )}
      {failure && <Failed failure={failure} />}
    </>
  );
}

function Progress({ part }: { part: number }) {
  const text = words.value.changes;
  const percent = `${Math.round(part * 100)} %`;
  return (
    <p role="status">
      {part < 1 ? text.sending(percent) : text.checking}{' '}
      <progress value={part} max={1} aria-label={text.sending(percent)} />
    </p>
  );
}

type CheckedProps = { result: ImportResult; onConfirm(): void; onCancel(): void };

function Checked({ result: { changes }, onConfirm, onCancel }: CheckedProps) {
  const text = words.value.changes;
  const counts = Object.entries(changes?.counts ?? {});
  return (
    <div role="status">
      <p class="verdict">{counts.length === 0 ? text.nothing : text.would}</p>
      <ul>
        {counts.map(([type, { created, updated, deleted }]) => (
          <li key={type}>
            {text.types[type]}:{' '}
            {[
              created > 0 && text.create(created),
              updated > 0 && text.update(updated),
              deleted > 0 && text.remove(deleted),
            ]
              .filter(Boolean)
              .join(', ')}
          </li>
        ))}
      </ul>
      {changes && changes.wider.count > 0 && (
        <div class="failure">
          <p>
            {text.wider}: {changes.wider.count}
          </p>
          <ul class="tags">
            {changes.wider.videoIds.map((id) => (
              <li key={id}>
                <Id>{id}</Id>
              </li>
            ))}
          </ul>
        </div>
      )}
      {changes && changes.examples.length > 0 && (
        <details>
          <summary>{text.example}</summary>
          <ChangeList changes={changes.examples as Change[]} empty="" />
        </details>
      )}
      <p class="buttons">
        {mayChange.value && (
          <button type="button" class="strong" onClick={onConfirm}>
            {text.doIt}
          </button>
        )}
        <button type="button" onClick={onCancel}>
          {text.again}
        </button>
      </p>
    </div>
  );
}
