package polymarket.backfill.ledger;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import polymarket.backfill.UserError;

/**
 * A lock on a share of something that processes use together, such as a source: a lock on as large
 * a slice of a file, so that shares that overlap exclude each other, and which the operating system
 * unlocks when the process ends for any reason. Beside it, a small file says who holds it.
 */
public final class ShareLock implements AutoCloseable {

  /**
   * The files that this process has open for locks, and how often. POSIX lets go of all locks that
   * a process has on a file as soon as it closes any descriptor of it, so there is one a file.
   */
  private static final Map<Path, Open> OPEN = new HashMap<>();

  private static final class Open {
    private final FileChannel channel;
    private int users;

    private Open(FileChannel channel) {
      this.channel = channel;
    }
  }

  private final Path file;
  private final FileLock lock;
  private final Path note;

  private ShareLock(Path file, FileLock lock, Path note) {
    this.file = file;
    this.lock = lock;
    this.note = note;
  }

  private static FileChannel open(Path file) throws IOException {
    synchronized (OPEN) {
      Open open = OPEN.get(file);
      if (open == null) {
        open =
            new Open(FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE));
        OPEN.put(file, open);
      }
      open.users++;
      return open.channel;
    }
  }

  private static void letGo(Path file) throws IOException {
    synchronized (OPEN) {
      Open open = OPEN.get(file);
      if (--open.users == 0) {
        OPEN.remove(file);
        open.channel.close();
      }
    }
  }

  /** Takes a lock that is not shared with --worker and --of; otherwise as the other one. */
  public static ShareLock take(Path lockFile, Share share, String what, String holder) {
    return take(lockFile, share, what, holder, "");
  }

  /**
   * @param lockFile the lock's file, such as runtime/goldsky.lock
   * @param what names it in the error, such as "goldsky"
   * @param holder what this process does, such as "run payouts"
   * @param otherwise what a person can do but wait for it or stop it, such as ", or …"; may be
   *     empty
   * @throws UserError where another process holds a share that overlaps
   */
  public static ShareLock take(
      Path lockFile, Share share, String what, String holder, String otherwise) {
    Path file = lockFile.toAbsolutePath().normalize();
    try {
      Files.createDirectories(file.getParent());
      FileChannel channel = open(file);
      FileLock lock;
      try {
        lock = channel.tryLock(share.from(), (long) share.to() - share.from(), false);
      } catch (OverlappingFileLockException e) {
        lock = null;
      }
      if (lock == null) {
        letGo(file);
        List<String> holders = holders(file);
        throw new UserError(
            what
                + " is in use by another run in "
                + file.getParent()
                + (holders.isEmpty() ? "" : ": " + String.join("; ", holders))
                + ". Wait for it"
                + (otherwise.isEmpty() ? " or " : ", ")
                // what a script starts with & ignores SIGINT; SIGTERM ends a run just as well
                + "stop it with "
                + (pids(holders).isEmpty() ? "kill PID" : "kill " + pids(holders))
                + otherwise);
      }
      Path note = file.resolveSibling(file.getFileName() + "." + share.from());
      Files.writeString(
          note,
          ProcessHandle.current().pid()
              + " "
              + holder
              + (share.whole() ? "" : " (" + share + ")")
              + " since "
              + Instant.now().toString().substring(0, 19)
              + "Z");
      return new ShareLock(file, lock, note);
    } catch (IOException e) {
      throw UserError.unwritable(file, e);
    }
  }

  /** Who holds shares of a lock now: "pid 123: run payouts since …". */
  public static List<String> holders(Path file) {
    List<String> holders = new ArrayList<>();
    Path folder = file.toAbsolutePath().getParent();
    if (!Files.isDirectory(folder)) {
      return holders;
    }
    try (Stream<Path> notes = Files.list(folder)) {
      for (Path note :
          notes
              .filter(path -> path.getFileName().toString().startsWith(file.getFileName() + "."))
              .sorted()
              .toList()) {
        String[] parts = Files.readString(note, StandardCharsets.UTF_8).split(" ", 2);
        boolean alive =
            parts.length == 2
                && ProcessHandle.of(Long.parseLong(parts[0]))
                    .map(ProcessHandle::isAlive)
                    .orElse(false);
        if (alive) {
          holders.add("pid " + parts[0] + ": " + parts[1]);
        }
      }
    } catch (IOException | NumberFormatException e) {
      // a note is only a courtesy; the lock itself stands
    }
    return holders;
  }

  private static String pids(List<String> holders) {
    return holders.stream()
        .map(holder -> holder.substring("pid ".length(), holder.indexOf(':')))
        .collect(Collectors.joining(" "));
  }

  @Override
  public void close() {
    try {
      Files.deleteIfExists(note);
      lock.release();
      letGo(file);
    } catch (IOException e) {
      // the operating system unlocks it when the process ends
    }
  }
}
