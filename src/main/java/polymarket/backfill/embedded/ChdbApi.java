package polymarket.backfill.embedded;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.StringArray;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The C functions of libchdb and of the C library, as JNA calls them. C header:
 * programs/local/chdb.h of chdb-core. size_t is 64 bits on every platform with a build.
 */
interface ChdbApi extends Library {
  void chdb_set_signal_handlers_enabled(int enabled);

  String chdb_version();

  Pointer chdb_connect(int argc, StringArray argv);

  void chdb_close_conn(Pointer connection);

  Pointer chdb_query_with_params_n(
      Pointer conn,
      byte[] sql,
      long sqlLength,
      byte[] format,
      long formatLength,
      Pointer[] names,
      long[] nameLengths,
      Pointer[] values,
      long[] valueLengths,
      long count);

  Pointer chdb_stream_insert_with_params_n(
      Pointer conn,
      byte[] sql,
      long sqlLength,
      byte[] format,
      long formatLength,
      Pointer[] names,
      long[] nameLengths,
      Pointer[] values,
      long[] valueLengths,
      long count);

  int chdb_stream_append(Pointer stream, byte[] data, long length);

  Pointer chdb_stream_done(Pointer stream);

  void chdb_stream_cancel_insert(Pointer stream);

  Pointer chdb_stream_insert_error(Pointer stream);

  void chdb_destroy_insert_stream(Pointer stream);

  int chdb_classify_query_n(
      Pointer conn, byte[] sql, long length, byte[] database, long databaseLength, int[] analysis);

  Pointer chdb_result_buffer(Pointer result);

  long chdb_result_length(Pointer result);

  long chdb_result_rows_read(Pointer result);

  long chdb_result_bytes_read(Pointer result);

  long chdb_result_storage_rows_read(Pointer result);

  long chdb_result_storage_bytes_read(Pointer result);

  long chdb_result_rows_written(Pointer result);

  long chdb_result_bytes_written(Pointer result);

  Pointer chdb_result_error(Pointer result);

  void chdb_destroy_query_result(Pointer result);

  /** The functions of the C library. */
  interface LibC extends Library {
    int pipe(int[] ends);

    int close(int fd);

    long read(int fd, byte[] buffer, long count);

    int fcntl(int fd, int command, Object... argument);

    int umask(int mask);
  }

  /** Names and values for the C interface: pointers and lengths. */
  final class Parameters {
    final List<Memory> kept = new ArrayList<>();
    final Pointer[] names;
    final Pointer[] values;
    final long[] nameLengths;
    final long[] valueLengths;
    final int count;

    Parameters(Map<String, String> parameters) {
      count = parameters.size();
      names = count == 0 ? null : new Pointer[count];
      values = count == 0 ? null : new Pointer[count];
      nameLengths = count == 0 ? null : new long[count];
      valueLengths = count == 0 ? null : new long[count];
      int i = 0;
      for (Map.Entry<String, String> e : parameters.entrySet()) {
        names[i] = put(e.getKey(), nameLengths, i);
        values[i] = put(e.getValue(), valueLengths, i);
        i++;
      }
    }

    private Pointer put(String s, long[] lengths, int i) {
      byte[] bytes = s.getBytes(StandardCharsets.UTF_8);
      Memory memory = new Memory(bytes.length + 1L);
      memory.write(0, bytes, 0, bytes.length);
      memory.setByte(bytes.length, (byte) 0);
      kept.add(memory);
      lengths[i] = bytes.length;
      return memory;
    }
  }
}
