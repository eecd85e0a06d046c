type Row = readonly [words: string, fix?: string];

const NETWORK = 'check the address, the network and the firewall';
const CERTIFICATE = 'install the CA certificate, for instance with NODE_EXTRA_CA_CERTS';
const ADDRESS = 'check that it is the right address';
const ISSUER: Row = [
  'the discovery document belongs to another issuer',
  'set AUTH_ISSUER to that one, if your JWTs have it as iss; otherwise keep AUTH_ISSUER, and give the address of the key set in AUTH_JWKS_URL',
];
const LISTENS = 'check which server listens there';
const RIGHTS = 'grant the user of the process access to it';

/** Descriptions and fixes for error codes of Node.js, PostgreSQL and this program. */
export const CAUSES: Readonly<Record<string, Row>> = {
  ECONNREFUSED: ['connection refused', 'check that it runs, and the host and port'],
  ECONNRESET: ['the connection was closed', LISTENS],
  EPIPE: ['the connection was closed', LISTENS],
  UND_ERR_SOCKET: ['the connection was closed', LISTENS],
  CONNECTION_LOST: ['the connection was closed', LISTENS],
  ENOTFOUND: ['unknown host', 'check the host name'],
  EAI_AGAIN: ['the host name cannot be looked up', 'check the host name and the DNS server'],
  ETIMEDOUT: ['no answer in time', NETWORK],
  UND_ERR_CONNECT_TIMEOUT: ['no answer in time', NETWORK],
  CONNECT_TIMEOUT: ['no connection in time', NETWORK],
  QUERY_TIMEOUT: ['no answer to a query in time', 'check the load of the database'],
  DEADLINE: ['no answer within the deadline', 'check the load of the database'],
  TIMEOUT: ['no answer in time', NETWORK],
  ERR_PROXY_TUNNEL: [
    'the proxy does not connect to it',
    'check HTTPS_PROXY, its user and password, and what the proxy allows',
  ],
  EHOSTUNREACH: ['no route to the host', NETWORK],
  ENETUNREACH: ['no route to the host', NETWORK],
  NO_TLS: [
    'the server does not support TLS',
    'enable TLS on the server, or remove sslmode from the URL',
  ],
  NO_PASSWORD: ['the server asks for a password', 'put user and password into the URL'],
  ERR_OSSL: ['a certificate or its key cannot be used', 'check the files of certificate and key'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['the certificate is self-signed', CERTIFICATE],
  SELF_SIGNED_CERT_IN_CHAIN: ['the certificate chain is self-signed', CERTIFICATE],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['the certificate cannot be verified', CERTIFICATE],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['the issuer of the certificate is unknown', CERTIFICATE],
  CERT_HAS_EXPIRED: ['the certificate has expired', 'renew it, and check the clock'],
  CERT_NOT_YET_VALID: ['the certificate is not yet valid', 'check the clock of this machine'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['the certificate is for another host', 'check the host name'],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'the server does not use TLS on this port',
    'check scheme and port',
  ],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: [
    'the server does not use TLS on this port',
    'check scheme and port',
  ],
  EPROTO: ['the TLS handshake failed', 'check scheme and port'],
  EADDRINUSE: ['another process listens there', 'stop it, or choose another port'],
  EADDRNOTAVAIL: ['the address is not one of this machine', 'use 0.0.0.0, 127.0.0.1 or its own'],
  EACCES: ['permission denied', RIGHTS],
  EPERM: ['operation not permitted', RIGHTS],
  EROFS: ['the file system is read-only', 'mount a writable volume there'],
  ENOSPC: ['no space is left on the disk', 'make space on it'],
  ENOENT: ['no such file or folder', 'check the path'],
  EEXIST: ['a part of the path is a file, not a folder', 'check the path'],
  ENOTDIR: ['a part of the path is a file, not a folder', 'check the path'],
  EISDIR: ['it is a folder, not a file', 'give the path of a file'],
  NOT_TEXT: [
    'it is not text in UTF-8',
    'save it as UTF-8, or for a JWT secret of random bytes set AUTH_JWT_SECRET_ENCODING=binary, in the providers file secretEncoding',
  ],
  NOT_REGULAR_FILE: [
    'it is not a regular file',
    'give the path of a file, not of a pipe or a device',
  ],
  FILE_TOO_LARGE: ['it is larger than 1 MiB', 'check the path'],
  ERR_ACCESS_DENIED: [
    'the process may not access this path',
    'use a path under /app/data, or change the --allow-fs flags of the container',
  ],
  FOREIGN_DATABASE: ['it is the database of another program', 'check the path'],
  backend_reply: [
    'its answer has an unknown field, which may be a mistyped limit',
    'correct the field, or name it in ACCESS_IGNORED_FIELDS',
  ],
  FILE_GONE: ['the file was removed or replaced', 'put a directory there; it is opened by itself'],
  FILE_REPLACED: ['the file was replaced during the change', 'try again'],
  NO_DIRECTORY: ['there is no directory in it yet', 'start the service or import one first'],
  NEWER_SCHEMA: [
    'its schema is newer than this release of the program',
    'start the newer release again, or restore the backup made before the upgrade',
  ],
  CHANGED_MIGRATION: [
    'its schema was created by other migrations',
    'check which release created it',
  ],
  NOT_UTF8: [
    'its encoding cannot hold every id',
    "create a database with ENCODING 'UTF8'; export and import move the directory",
  ],
  WRITER_BUSY: ['another import or change runs', 'try again when it has ended'],
  '28P01': ['the password is wrong', 'check the user and the password'],
  '28000': ['the server rejects this user', 'check the user, and pg_hba.conf of the server'],
  '3D000': ['the database does not exist', 'create it, or correct its name'],
  '3F000': ['there is no schema to create tables in', 'grant the user USAGE and CREATE on it'],
  '42501': [
    'the user lacks rights',
    'let the user own the schema and its tables, or grant the rights',
  ],
  '42P01': ['there is no directory in it yet', 'start the service or import one first'],
  '42P07': ['it has a table of that name already', 'give the directory a database of its own'],
  '53300': ['too many connections', 'raise max_connections, or use a connection pooler'],
  '55P03': ['another import or change runs', 'try again when it has ended'],
  '57P03': ['the server is starting or stopping', 'wait until it is ready'],
  '25006': ['the server is read-only', 'use the address of the primary server'],
  '53100': ['the disk of the server is full', 'make space on it'],
  EOPENBREAKER: ['it failed too often; it is tried again every 5 s', 'check its log'],
  BAD_PORT: ['browsers and fetch refuse that port', 'use a port that is no other protocol’s'],
  TOO_LONG: ['the answer is too long', ADDRESS],
  NOT_JSON: ['the answer is not JSON', ADDRESS],
  WRONG_SHAPE: ['the answer is not of the expected form', ADDRESS],
  OAUTH_INVALID_RESPONSE: ['the answer is not of the expected form', ADDRESS],
  OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED: ISSUER,
  OTHER_ISSUER: ISSUER,
  NOT_KEY_SET: ['the answer is no key set', ADDRESS],
  NO_USABLE_KEY: [
    'the key set has no key that fits an allowed algorithm',
    'check the key set, and AUTH_ALGORITHMS',
  ],
  NO_KEY_SET: ['the discovery document names no key set', 'give its address in AUTH_JWKS_URL'],
  KEY_SET_IN_CLEAR: [
    'the discovery document names a key set without https',
    'ask the provider to correct it',
  ],
  KEY_SET_INSIDE: [
    'the discovery document names a key set on an internal address',
    'give its address in AUTH_JWKS_URL, if that is meant',
  ],
  NOT_REDIS: ['the server is not Redis', ADDRESS],
  NO_REDIS_DATABASE: ['there is no database of that number', 'correct the end of the URL'],
  TOO_MANY_CLIENTS: ['it has too many clients', 'raise its maxclients'],
  Z_BUF_ERROR: ['the file ends too early', 'copy it again'],
  Z_DATA_ERROR: ['the file is damaged', 'copy it again'],
  WRONGPASS: ['the password is wrong', 'check the user and the password'],
  NOAUTH: ['the server asks for a password', 'put the password into the URL'],
  READONLY: ['it is a replica, which accepts no writes', 'use the address of the primary'],
  LOADING: ['it is still loading its data', 'wait until it is ready'],
  MASTERDOWN: ['it is a replica without its primary', 'use the address of the primary'],
  REDIS_CLUSTER: [
    'it is a Redis Cluster, which this service does not support',
    'use one Redis, or a primary with replicas behind one address (docs/deployment.md)',
  ],
  NOPERM: ['the user lacks rights', 'allow the scripting commands'],
};

/** Names and fixes for primary result codes (https://sqlite.org/rescode.html). */
export const SQLITE: Readonly<Record<number, [name: string, fix: string]>> = {
  1: ['ERROR', 'check that it is a directory of this program'],
  5: ['BUSY', 'stop the program that has the lock, or try again'],
  6: ['LOCKED', 'stop the program that has the lock, or try again'],
  8: ['READONLY', 'make the file and its folder writable for the user of the process'],
  10: ['IOERR', 'check that the disk has space and works, and that it is no network file system'],
  11: ['CORRUPT', 'restore a backup of the file'],
  13: ['FULL', 'make space on the disk'],
  14: ['CANTOPEN', 'check that file and folder exist and that the process may read and write them'],
  26: ['NOTADB', 'check the path'],
};

/** Messages of `pg` and `ioredis` without a code. */
export const MESSAGES: readonly [RegExp, code: string][] = [
  [/trying to connect|connection timeout|Stream isn't writeable/, 'CONNECT_TIMEOUT'],
  [/^bad port$/, 'BAD_PORT'],
  [/Query read timeout/, 'QUERY_TIMEOUT'],
  [/Command timed out/, 'TIMEOUT'],
  [
    /Connection (terminated|is closed)|Client has encountered a connection error/,
    'CONNECTION_LOST',
  ],
  [/does not support SSL/, 'NO_TLS'],
  [/password must be a/, 'NO_PASSWORD'],
  [/MD5 checksum failed/, 'CHANGED_MIGRATION'],
  [/^ERR (DB index|invalid DB)/, 'NO_REDIS_DATABASE'],
  [/^ERR max number of clients/, 'TOO_MANY_CLIENTS'],
  [/(^|-)READONLY\b/, 'READONLY'],
  [/(^|-)LOADING\b/, 'LOADING'],
  [/(^|-)MASTERDOWN\b/, 'MASTERDOWN'],
  [/(^|-)(MOVED|ASK|CLUSTERDOWN|CROSSSLOT|TRYAGAIN) /, 'REDIS_CLUSTER'],
  [/Protocol error|Unexpected first byte|Unknown RESP type/i, 'NOT_REDIS'],
];

/** Errors that are identified by name. */
export const NAMES: Readonly<Record<string, string>> = {
  TimeoutError: 'TIMEOUT',
  SyntaxError: 'NOT_JSON',
  ZodError: 'WRONG_SHAPE',
};
