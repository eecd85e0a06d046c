import { ServiceError } from '../../errors.ts';

/** @throws {ServiceError} `dependency_unavailable` where `work` rejects */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw cause instanceof ServiceError
      ? cause
      : new ServiceError('dependency_unavailable', { cause });
  }
}
