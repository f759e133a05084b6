package polymarket.backfill.job;

import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import polymarket.backfill.Messages;

/** Opens a list of ids: a file, a pipe or standard input; plain or gzipped; UTF-8 or UTF-16. */
final class ListInput {

  private static final int CHUNK = 1 << 16;

  /** More blank characters in a row than in any list; a compression bomb or a device has more. */
  private static final int LONGEST_BLANK = 1 << 20;

  private static final long POLL_MILLIS = 100;

  private ListInput() {}

  /** Reading was abandoned because the run is ending. */
  static final class Interrupted extends IOException {
    private Interrupted() {
      super("reading was interrupted");
    }
  }

  /** The input is not a list. */
  static final class NoList extends IOException {
    NoList(String message) {
      super(message);
    }
  }

  /** Whether it can be read only once: a pipe, a device, or standard input. */
  static boolean once(String source) {
    return source.equals("-") || !Files.isRegularFile(Path.of(source));
  }

  /**
   * Opens the raw bytes. If opening or reading may wait for another process, a separate thread
   * waits.
   *
   * @param stopped whether the run is ending; then reading ends with {@link Interrupted}
   */
  static InputStream raw(String source, BooleanSupplier stopped) throws IOException {
    return once(source) ? new Piped(source, stopped) : Files.newInputStream(Path.of(source));
  }

  /** Decodes the bytes to text without byte order marks. */
  static Characters text(InputStream raw) throws IOException {
    BufferedInputStream file = new BufferedInputStream(raw, CHUNK);
    byte[] magic = begin(file, 2);
    BufferedInputStream in =
        new BufferedInputStream(
            new Filled(
                magic.length == 2 && magic[0] == 0x1f && (magic[1] & 0xff) == 0x8b
                    ? new GzipMembers(file)
                    : file),
            CHUNK);
    return new Characters(new InputStreamReader(in, charset(begin(in, 2))), CHUNK);
  }

  private static byte[] begin(InputStream in, int length) throws IOException {
    in.mark(length);
    byte[] begin = in.readNBytes(length);
    in.reset();
    return begin;
  }

  /**
   * Detects the charset by the byte order mark, or without one by a zero byte in the first
   * character.
   */
  private static Charset charset(byte[] begin) {
    if (begin.length < 2 || begin[0] == 0 && begin[1] == 0) {
      return StandardCharsets.UTF_8;
    }
    int mark = (begin[0] & 0xff) << 8 | begin[1] & 0xff;
    return mark == 0xfeff || begin[0] == 0
        ? StandardCharsets.UTF_16BE
        : mark == 0xfffe || begin[1] == 0 ? StandardCharsets.UTF_16LE : StandardCharsets.UTF_8;
  }

  /** Stops reading after too many successive blanks and zeros. */
  private static final class Filled extends FilterInputStream {
    private int blanks;

    private Filled(InputStream in) {
      super(in);
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      int count = in.read(buffer, offset, length);
      for (int i = offset; i < offset + count; i++) {
        blanks = buffer[i] >= 0 && buffer[i] <= ' ' ? blanks + 1 : 0;
        if (blanks > LONGEST_BLANK) {
          throw new NoList("more than " + Messages.count(LONGEST_BLANK) + " blank characters");
        }
      }
      return count;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }
  }

  /** Bytes that a separate thread reads, because neither opening nor reading can be interrupted. */
  private static final class Piped extends InputStream {
    private static final byte[] END = {};

    private final BlockingQueue<Object> chunks = new ArrayBlockingQueue<>(4);
    private final BooleanSupplier stopped;
    private final Thread reader;
    private byte[] chunk = {};
    private int at;

    private Piped(String source, BooleanSupplier stopped) {
      this.stopped = stopped;
      reader = new Thread(() -> pump(source), "list");
      reader.setDaemon(true);
      reader.start();
    }

    private void pump(String source) {
      try {
        try (InputStream in =
            source.equals("-") ? System.in : Files.newInputStream(Path.of(source))) {
          byte[] buffer = new byte[CHUNK];
          for (int count; (count = in.read(buffer)) >= 0; ) {
            if (count > 0) {
              chunks.put(java.util.Arrays.copyOf(buffer, count));
            }
          }
          chunks.put(END);
        } catch (IOException e) {
          chunks.put(e);
        }
      } catch (InterruptedException e) {
        // the reader has closed it
      }
    }

    @Override
    public int read(byte[] buffer, int offset, int length) throws IOException {
      while (at == chunk.length) {
        if (chunk == END) {
          return -1;
        }
        Object next;
        try {
          next = chunks.poll(POLL_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new Interrupted();
        }
        if (stopped.getAsBoolean()) {
          throw new Interrupted();
        }
        if (next instanceof IOException failure) {
          throw failure;
        }
        if (next != null) {
          chunk = (byte[]) next;
          at = 0;
        }
      }
      int count = Math.min(length, chunk.length - at);
      System.arraycopy(chunk, at, buffer, offset, count);
      at += count;
      return count;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public void close() {
      reader.interrupt();
    }
  }
}
