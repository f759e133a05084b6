package polymarket.backfill.embedded;

import com.clickhouse.data.ClickHouseCityHash;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import net.jpountz.lz4.LZ4Compressor;
import net.jpountz.lz4.LZ4Exception;
import net.jpountz.lz4.LZ4Factory;

/**
 * ClickHouse's own compression of a stream ({@code compress=1}, {@code decompress=1}): frames of a
 * CityHash128 checksum (16 bytes), a method (0x82 LZ4, 0x02 none), the compressed size with these
 * nine bytes of header, the size before compression, both little endian, and the data. The streams
 * of clickhouse-data do not take the place of this class: they read no frame without compression,
 * and allocate whatever size a frame claims.
 */
// clickhouse-data has the one implementation of this version of CityHash
@SuppressWarnings("deprecation")
final class NativeFrames {
  private static final int HEADER = 9;
  private static final int CHECKSUM = 16;
  private static final int BLOCK = 1 << 20;
  // ClickHouse's own clients send 1 MiB; a frame is kept in memory, so the size in its header is
  // limited
  private static final int LIMIT = 32 << 20;
  private static final byte LZ4 = (byte) 0x82;
  private static final byte NONE = 0x02;

  private NativeFrames() {}

  static OutputStream compress(OutputStream out) {
    return new OutputStream() {
      private final LZ4Compressor lz4 = LZ4Factory.fastestInstance().fastCompressor();
      private final byte[] block = new byte[BLOCK];
      private final byte[] frame = new byte[CHECKSUM + HEADER + lz4.maxCompressedLength(BLOCK)];
      private int length;

      @Override
      public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
      }

      @Override
      public void write(byte[] b, int from, int count) throws IOException {
        while (count > 0) {
          int n = Math.min(count, BLOCK - length);
          System.arraycopy(b, from, block, length, n);
          length += n;
          from += n;
          count -= n;
          if (length == BLOCK) {
            writeFrame();
          }
        }
      }

      private void writeFrame() throws IOException {
        if (length == 0) {
          return;
        }
        int size = HEADER + lz4.compress(block, 0, length, frame, CHECKSUM + HEADER);
        ByteBuffer buffer = ByteBuffer.wrap(frame).order(ByteOrder.LITTLE_ENDIAN);
        buffer.put(CHECKSUM, LZ4).putInt(CHECKSUM + 1, size).putInt(CHECKSUM + 5, length);
        long[] hash = ClickHouseCityHash.cityHash128(frame, CHECKSUM, size);
        buffer.putLong(0, hash[0]).putLong(8, hash[1]);
        out.write(frame, 0, CHECKSUM + size);
        length = 0;
      }

      @Override
      public void close() throws IOException {
        writeFrame();
        out.close();
      }
    };
  }

  static InputStream decompress(InputStream in) {
    return new InputStream() {
      private byte[] block = new byte[0];
      private int position;

      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
      }

      @Override
      public int read(byte[] b, int from, int count) throws IOException {
        while (position == block.length) {
          if (!readFrame()) {
            return -1;
          }
        }
        int n = Math.min(count, block.length - position);
        System.arraycopy(block, position, b, from, n);
        position += n;
        return n;
      }

      private boolean readFrame() throws IOException {
        byte[] head = in.readNBytes(CHECKSUM + HEADER);
        if (head.length == 0) {
          return false;
        }
        if (head.length < CHECKSUM + HEADER) {
          throw new EOFException("compressed data ends in the middle of a frame");
        }
        ByteBuffer buffer = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
        byte method = head[CHECKSUM];
        int size = buffer.getInt(CHECKSUM + 1);
        int plain = buffer.getInt(CHECKSUM + 5);
        if (size < HEADER || size > LIMIT || plain < 0 || plain > LIMIT) {
          throw new EngineException(
              432,
              "UNKNOWN_CODEC",
              "decompress=1, but the body is not in ClickHouse's compressed frames, or one is"
                  + " longer than 32 MiB");
        }
        byte[] frame = new byte[size];
        System.arraycopy(head, CHECKSUM, frame, 0, HEADER);
        if (in.readNBytes(frame, HEADER, size - HEADER) < size - HEADER) {
          throw new EOFException("compressed data ends in the middle of a frame");
        }
        long[] hash = ClickHouseCityHash.cityHash128(frame, 0, size);
        if (hash[0] != buffer.getLong(0) || hash[1] != buffer.getLong(8)) {
          throw new EngineException(
              40, "CHECKSUM_DOESNT_MATCH", "Checksum doesn't match: corrupted data");
        }
        block = new byte[plain];
        position = 0;
        try {
          if (method == LZ4) {
            LZ4Factory.fastestInstance()
                .safeDecompressor()
                .decompress(frame, HEADER, size - HEADER, block, 0, plain);
          } else if (method == NONE && size - HEADER == plain) {
            System.arraycopy(frame, HEADER, block, 0, plain);
          } else {
            throw new EngineException(
                432,
                "UNKNOWN_CODEC",
                "compression method " + (method & 0xff) + " is not supported; use LZ4");
          }
        } catch (LZ4Exception e) {
          throw new EngineException(
              271, "CANNOT_DECOMPRESS", "Cannot decompress a frame of LZ4: " + e.getMessage());
        }
        return true;
      }
    };
  }
}
