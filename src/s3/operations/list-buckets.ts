import type { S3Answer, S3Call } from '../port.ts';
import { collectXml } from '../request-body.ts';
import { allowChildren, readXml } from '../xml/read-xml.ts';
import { xmlDocument } from '../xml/write-xml.ts';
import type { XmlElement } from '../xml/write-xml.ts';

/** Buckets are not made, they are named by manifests: none has a time of its own. */
const NO_TIME = '1970-01-01T00:00:00.000Z';

/** ListBuckets: those that the access key names. */
export function listBuckets({ caller }: S3Call): S3Answer {
  const names = caller.buckets.toSorted();
  const buckets = names.map((name): XmlElement => [
    'Bucket',
    [
      ['Name', name],
      ['CreationDate', NO_TIME],
    ],
  ]);
  const owner: XmlElement = ['Owner', [['ID', caller.id]]];
  return {
    status: 200,
    fields: {},
    body: xmlDocument(['ListAllMyBucketsResult', [owner, ['Buckets', buckets]]]),
  };
}

/**
 * CreateBucket: nothing is made. Clients ask for a bucket before they write to it; one that their key names is
 * answered as S3 answers the owner of a bucket in us-east-1.
 */
export async function createBucket(call: S3Call): Promise<S3Answer> {
  const { bucket, bodyBytes } = call;
  if (bodyBytes !== null && bodyBytes > 0) {
    const document = readXml(await collectXml(call.body()), 'CreateBucketConfiguration');
    allowChildren(document, ['LocationConstraint']);
  }
  return { status: 200, fields: { location: `/${bucket}` }, body: null };
}

/** HeadBucket. */
export function headBucket(): S3Answer {
  return { status: 200, fields: { 'x-amz-bucket-region': 'us-east-1' }, body: null };
}

/** GetBucketVersioning: nothing in it says that there never were versions. */
export function getBucketVersioning(): S3Answer {
  return { status: 200, fields: {}, body: xmlDocument(['VersioningConfiguration', '']) };
}

/** GetBucketLocation: empty, which clients read as us-east-1, the region that they sign for by default. */
export function getBucketLocation(): S3Answer {
  return { status: 200, fields: {}, body: xmlDocument(['LocationConstraint', '']) };
}
