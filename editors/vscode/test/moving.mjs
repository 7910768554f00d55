// Pictures, one after the other, as one moving picture (APNG): what every browser shows, and a page of documentation.

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value >>> 0;
});

function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const ends = [Buffer.alloc(4), Buffer.alloc(4)];
  ends[0].writeUInt32BE(data.length);
  ends[1].writeUInt32BE(checksum(body));
  return Buffer.concat([ends[0], body, ends[1]]);
}

/** The parts of a picture that a browser took: what it is like, and its data. */
function parse(png) {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error("no PNG");
  const found = { data: [] };
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const kind = png.toString("latin1", at + 4, at + 8);
    const data = png.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") found.header = data;
    if (kind === "IDAT") found.data.push(data);
    at += 12 + length;
  }
  return found;
}

/** `frames` are `{ picture, seconds }`, all of one size; it begins again after the last one. */
export function moving(frames) {
  const pictures = frames.map(({ picture }) => parse(picture));
  const { header } = pictures[0];
  const count = Buffer.alloc(8);
  count.writeUInt32BE(frames.length);
  const chunks = [SIGNATURE, chunk("IHDR", header), chunk("acTL", count)];
  let sequence = 0;
  pictures.forEach((picture, index) => {
    if (!picture.header.equals(header)) throw new Error("pictures of different kinds");
    const control = Buffer.alloc(26);
    control.writeUInt32BE(sequence++, 0);
    header.copy(control, 4, 0, 8);
    control.writeUInt16BE(Math.round(frames[index].seconds * 100), 20);
    control.writeUInt16BE(100, 22);
    chunks.push(chunk("fcTL", control));
    for (const data of picture.data) {
      if (index === 0) {
        chunks.push(chunk("IDAT", data));
        continue;
      }
      const number = Buffer.alloc(4);
      number.writeUInt32BE(sequence++);
      chunks.push(chunk("fdAT", Buffer.concat([number, data])));
    }
  });
  chunks.push(chunk("IEND", Buffer.alloc(0)));
  return Buffer.concat(chunks);
}
