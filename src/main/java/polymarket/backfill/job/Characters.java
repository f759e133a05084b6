package polymarket.backfill.job;

import java.io.IOException;
import java.io.Reader;

/**
 * The characters of a list, read one at a time by one thread, and without byte order marks, of
 * which each of several files in a row has its own. The readers of the JDK take a lock for each
 * character, which took half of the time that a list took to load.
 */
final class Characters extends Reader {

  private final Reader in;
  private final char[] buffer;
  private int at;
  private int end;

  /**
   * @param size of the buffer, in characters
   */
  Characters(Reader in, int size) {
    this.in = in;
    this.buffer = new char[size];
  }

  /** Whether there is a character in the buffer, which is filled where it is empty. */
  private boolean any() throws IOException {
    while (at == end) {
      int count = in.read(buffer, 0, buffer.length);
      if (count < 0) {
        return false;
      }
      at = 0;
      end = 0;
      for (int i = 0; i < count; i++) {
        if (buffer[i] != '\uFEFF') {
          buffer[end++] = buffer[i];
        }
      }
    }
    return true;
  }

  @Override
  public int read() throws IOException {
    return at < end || any() ? buffer[at++] : -1;
  }

  /** The next character, which stays the next one; -1 at the end. */
  int peek() throws IOException {
    return at < end || any() ? buffer[at] : -1;
  }

  @Override
  public int read(char[] to, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    if (!any()) {
      return -1;
    }
    int count = Math.min(length, end - at);
    System.arraycopy(buffer, at, to, offset, count);
    at += count;
    return count;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
