import { useEffect, useState } from 'preact/hooks';
import type { Decision } from '../../src/admin/decisions.ts';
import { decisions, urlOf } from './api.ts';
import { Id, Pending, useLoad } from './parts.tsx';
import { CODES } from './reasons.ts';
import { language, linkTo, time, words } from './state.ts';

type Filter = Partial<Record<'userId' | 'roomId' | 'videoId' | 'outcome' | 'requestId', string>>;

type ListProps = { filter: Filter; limit: number; empty: string };

/** Decisions of this replica, newest first; new ones appear as they are made. */
export function DecisionList({ filter, limit, empty }: ListProps) {
  const key = JSON.stringify([filter, limit]);
  const loaded = useLoad((signal) => decisions({ ...filter, limit }, signal), key);
  const { added, isLost } = useEvents(filter);
  const text = words.value.decisions;
  if (!loaded.value) return <Pending loaded={loaded} />;
  const known = new Map(
    [...added, ...loaded.value.decisions].map((decision) => [decision.position, decision]),
  );
  const shown = [...known.values()].slice(0, limit);
  return (
    <div aria-live="polite">
      {isLost && <p class="soft">{text.lost}</p>}
      {shown.length === 0 && empty && <p>{empty}</p>}
      <ul class="entries">
        {shown.map((decision) => (
          <Row key={decision.position} decision={decision} />
        ))}
      </ul>
    </div>
  );
}

/** The decisions that were made since, newest first. */
function useEvents(filter: Filter): { added: Decision[]; isLost: boolean } {
  const [added, setAdded] = useState<Decision[]>([]);
  const [isLost, setLost] = useState(false);
  const key = JSON.stringify(filter);
  useEffect(() => {
    setAdded([]);
    const events = new EventSource(urlOf('/decisions/events', filter));
    events.onopen = () => setLost(false);
    events.onerror = () => setLost(true);
    events.addEventListener('decision', ({ data }) => {
      setAdded((before) => [JSON.parse(data), ...before].slice(0, 500));
    });
    return () => events.close();
  }, [key]);
  return { added, isLost };
}

function Row({ decision }: { decision: Decision }) {
  const { outcome, code, userId, roomId, videoId, requestId, country } = decision;
  const text = words.value.decisions;
  return (
    <li class={outcome === 'issued' ? 'good' : 'bad'}>
      <p>
        <strong>{text[outcome]}</strong> {CODES[language.value][code] ?? code}
      </p>
      <p>
        {userId !== undefined && <a href={linkTo('person', userId)}>{userId}</a>}
        {roomId !== undefined && <a href={linkTo('room', roomId)}>{roomId}</a>}
        {videoId !== undefined && <a href={linkTo('film', videoId)}>{videoId}</a>}
      </p>
      <p class="soft">
        {time(decision.time)}
        {country !== undefined && ` · ${text.country} ${country}`} · {text.reference}{' '}
        <a href={linkTo('why', '', { reference: requestId })}>
          <Id>{requestId}</Id>
        </a>
      </p>
    </li>
  );
}
