import { z } from 'zod';
import type { Licence } from '../access/access.ts';
import type { FieldError } from '../errors.ts';
import { countrySchema, unixSecondsSchema } from '../identifiers.ts';
import { listColumn, namesOf, timeColumn } from './columns.ts';

/** The officially assigned ISO 3166-1 alpha-2 codes, and XK, the user-assigned code for Kosovo. */
const ISO_3166_1 =
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ ' +
  'CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO ' +
  'FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE ' +
  'JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO ' +
  'MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW ' +
  'PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM ' +
  'TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW';

export const COUNTRIES: ReadonlySet<string> = new Set(ISO_3166_1.split(' '));

const MAX_LICENCES = 100;

/**
 * A licence in the tables `videos`, which has the first one, and {@link LICENCE_TABLE}. Release 0.2.0 knows `videos`
 * alone, so what it grants is one of the licences.
 */
export const LICENCE_COLUMNS = {
  from: timeColumn('available_from'),
  until: timeColumn('available_until'),
  regions: listColumn('regions', countrySchema),
};

/** The licences of a video after the first one, by `video_id` and `position`. A trigger clears them. */
export const LICENCE_TABLE = 'video_licences';

/** One of several licences of a video. */
const licenceSchema = z
  .strictObject({
    from: unixSecondsSchema
      .optional()
      .meta({ description: 'Unix seconds; no beginning if absent.' }),
    until: unixSecondsSchema.optional().meta({ description: 'Unix seconds; no end if absent.' }),
    regions: z.array(countrySchema).optional().meta({ description: 'Every country if absent.' }),
  })
  .meta({ id: 'Licence' });

export const licencesSchema = z.array(licenceSchema).max(MAX_LICENCES);

/** A licence as entries have it, where null and absent are the same. */
type LicenceEntry = z.output<typeof licenceSchema>;

/** The short form: the fields of a video with one licence. */
type ShortForm = {
  availableFrom?: number | null | undefined;
  availableUntil?: number | null | undefined;
  regions?: string[] | null | undefined;
};

type LicenceChange = ShortForm & { licences?: LicenceEntry[] | null | undefined };

/** The fields of the short form, in the order of {@link LICENCE_COLUMNS}. */
const SHORT_FORM = ['availableFrom', 'availableUntil', 'regions'] as const;

/** The fields of the short form that a change gives. */
export function givenShortForm(change: LicenceChange): string[] {
  return SHORT_FORM.filter((field) => change[field] !== undefined);
}

/** The change in the short form, and the licences after the first one. */
export function splitLicences<C extends LicenceChange>(given: C) {
  // Most lines of an import: not copied.
  if (given.licences === undefined) return { fields: given, others: [] };
  const { licences, ...change } = given;
  const [first, ...others] = licences ?? [{}];
  return { fields: { ...change, ...toShortForm(first) }, others };
}

/** An empty list of licences is nowhere. */
function toShortForm(licence: LicenceEntry = { regions: [] }): ShortForm {
  const { from = null, until = null, regions = null } = licence;
  return { availableFrom: from, availableUntil: until, regions };
}

/** Finds what the schema cannot: an empty licence window, an unknown country. Release 0.1.0 accepted both. */
export function checkLicences(change: LicenceChange): FieldError | undefined {
  const { availableFrom, availableUntil, regions, licences } = change;
  if (licences !== undefined && givenShortForm(change).length > 0) {
    return { path: 'licences', message: `cannot be combined with ${givenShortForm(change)[0]}` };
  }
  if (isEmptyWindow(availableFrom, availableUntil)) {
    return { path: 'availableUntil', message: EMPTY_WINDOW };
  }
  for (const [index, { from, until, regions }] of (licences ?? []).entries()) {
    if (isEmptyWindow(from, until)) {
      return { path: `licences.${index}.until`, message: 'must be later than from' };
    }
    const wrong = checkRegions(regions, `licences.${index}.regions`);
    if (wrong) return wrong;
  }
  return checkRegions(regions, 'regions');
}

export const EMPTY_WINDOW = 'must be later than availableFrom';

/** The window never opens. */
export function isEmptyWindow(from?: number | null, until?: number | null): boolean {
  return from != null && until != null && until <= from;
}

function checkRegions(
  regions: readonly string[] | null | undefined,
  path: string,
): FieldError | undefined {
  const index = regions?.findIndex((country) => !COUNTRIES.has(country)) ?? -1;
  if (index < 0) return undefined;
  const hint = regions?.[index] === 'UK' ? '; the United Kingdom is GB' : '';
  const message = `${regions?.[index]} is not a country of ISO 3166-1${hint}`;
  return { path: `${path}.${index}`, message };
}

/** The licences of an entry in either form, which it has whole. */
export function licencesOf({ licences, ...short }: LicenceChange): Licence[] {
  const { availableFrom = null, availableUntil = null, regions = null } = short;
  if (!licences) return [{ from: availableFrom, until: availableUntil, regions }];
  return licences.map(({ from = null, until = null, regions = null }) => ({
    ...{ from, until, regions },
  }));
}

/** The licences of an entry: the short form where it says everything, else the list alone. */
export function joinLicences<V extends ShortForm>(fields: V, others: string | null) {
  if (others === null) return fields;
  const { availableFrom = null, availableUntil = null, regions = null, ...rest } = fields;
  const first = { from: availableFrom, until: availableUntil, regions };
  return { ...rest, licences: [first, ...parseLicences(others)].map(toEntry) };
}

function toEntry({ from, until, regions }: Licence): LicenceEntry {
  return {
    ...(from !== null && { from }),
    ...(until !== null && { until }),
    ...(regions !== null && { regions: [...regions] }),
  };
}

const ANYWHERE = '*';

/** A SQL expression for the licences after the first one as one text; NULL when there are none. */
export function otherLicences(videoId: string): string {
  const { from, until, regions } = LICENCE_COLUMNS;
  const time = (name: string) => `coalesce(CAST(${name} AS TEXT), '')`;
  const countries = `coalesce(${regions.name}, '${ANYWHERE}')`;
  const text = [time(from.name), time(until.name), countries].join(` || ':' || `);
  const rows = `SELECT ${text} AS licence FROM ${LICENCE_TABLE} WHERE video_id = ${videoId} ORDER BY position`;
  // SQLite would sort for an ORDER BY inside of string_agg; here it reads the rows in this order.
  const list = `(SELECT string_agg(licence, ';') FROM (${rows}) AS ordered)`;
  // Most films have none; to aggregate no rows costs PostgreSQL more than to look for one.
  return `CASE WHEN EXISTS (SELECT 1 FROM ${LICENCE_TABLE} WHERE video_id = ${videoId}) THEN ${list} END`;
}

/** Reads the text of {@link otherLicences}. */
export function parseLicences(text: string): Licence[] {
  return text.split(';').map((licence) => {
    const [from = '', until = '', regions = ''] = licence.split(':');
    return {
      from: from === '' ? null : Number(from),
      until: until === '' ? null : Number(until),
      regions: regions === ANYWHERE ? null : LICENCE_COLUMNS.regions.fromSql(regions),
    };
  });
}

/** The columns of a row of {@link LICENCE_TABLE}. */
export function licenceRow(videoId: string, position: number, licence: LicenceEntry) {
  const { from = null, until = null, regions = null } = licence;
  return [videoId, position, from, until, LICENCE_COLUMNS.regions.toSql(regions)];
}

export const LICENCE_NAMES = ['video_id', 'position', ...namesOf(LICENCE_COLUMNS)];
