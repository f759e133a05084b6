package polymarket.backfill.job;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import java.util.zip.ZipException;

/**
 * The content of all members of a gzip file, one after the other (RFC 1952). The JDK's own stream
 * treats a pipe as ended between two members, and ignores data after the last one. Here the next
 * byte decides: zeros that pad the file are skipped, and anything else is an error.
 */
final class GzipMembers extends InputStream {

  private static final int HEADER_CRC = 2;
  private static final int EXTRA = 4;
  private static final int NAME = 8;
  private static final int COMMENT = 16;

  private final InputStream in;
  private final byte[] compressed = new byte[1 << 16];
  private final Inflater inflater = new Inflater(true);
  private final CRC32 checksum = new CRC32();
  private int from;
  private int to;
  private long members;
  private boolean inMember;
  private boolean ended;

  /**
   * @param in at the first member
   */
  GzipMembers(InputStream in) {
    this.in = in;
  }

  private int peek() throws IOException {
    if (from == to) {
      from = 0;
      to = Math.max(0, in.read(compressed));
    }
    return from == to ? -1 : compressed[from] & 0xff;
  }

  private int next() throws IOException {
    int value = peek();
    if (value < 0) {
      throw new EOFException("it is truncated");
    }
    from++;
    return value;
  }

  private long littleEndian(int bytes) throws IOException {
    long value = 0;
    for (int i = 0; i < bytes; i++) {
      value |= (long) next() << 8 * i;
    }
    return value;
  }

  private void skipText() throws IOException {
    while (next() != 0) {
      // a name or comment ends with a zero
    }
  }

  /** Reads a member's header; false at the end of the file. */
  private boolean header() throws IOException {
    while (members > 0 && peek() == 0) {
      next();
    }
    if (peek() < 0) {
      return false;
    }
    if (littleEndian(2) != 0x8b1f || next() != 8) {
      throw new ZipException("its compressed content is followed by other data");
    }
    int flags = next();
    littleEndian(6);
    if ((flags & EXTRA) != 0) {
      for (long left = littleEndian(2); left > 0; left--) {
        next();
      }
    }
    if ((flags & NAME) != 0) {
      skipText();
    }
    if ((flags & COMMENT) != 0) {
      skipText();
    }
    if ((flags & HEADER_CRC) != 0) {
      littleEndian(2);
    }
    inflater.reset();
    checksum.reset();
    members++;
    return true;
  }

  @Override
  public int read(byte[] buffer, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    try {
      while (!ended) {
        if (!inMember) {
          inMember = header();
          ended = !inMember;
          continue;
        }
        if (inflater.needsInput() && peek() >= 0) {
          inflater.setInput(compressed, from, to - from);
          from = to;
        }
        int count = inflater.inflate(buffer, offset, length);
        if (count > 0) {
          checksum.update(buffer, offset, count);
          return count;
        }
        if (inflater.finished()) {
          from = to - inflater.getRemaining();
          long content = inflater.getBytesWritten() & 0xffffffffL;
          if (littleEndian(4) != checksum.getValue() || littleEndian(4) != content) {
            throw new ZipException("its content does not match its checksum");
          }
          inMember = false;
        } else if (inflater.needsInput() && peek() < 0 || inflater.needsDictionary()) {
          throw new EOFException("it is truncated");
        }
      }
      return -1;
    } catch (DataFormatException e) {
      throw new ZipException(String.valueOf(e.getMessage()));
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public void close() throws IOException {
    inflater.end();
    in.close();
  }
}
