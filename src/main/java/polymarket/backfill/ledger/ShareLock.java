package polymarket.backfill.ledger;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
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

  /** The file beside a lock's that says who holds a share: its name ends in the share's begin. */
  private static final Pattern NOTE_FILE = Pattern.compile(".+\\.lock\\.\\d+");

  private static final Pattern NOTE = Pattern.compile("(\\d+) (.+) since (\\S+)");

  /** The system property of a process that `serve` started by its schedule. */
  private static final String SCHEDULED = "backfill.scheduled";

  /** What its notes end in. */
  private static final String OF_SCHEDULE = ", scheduled";

  /** How long such a process may take to end for a run that a person started. */
  private static final long WAY_SECONDS = 120;

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
      FileLock lock = tried(channel, share);
      if (lock == null && isWayMade(file)) {
        lock = tried(channel, share);
      }
      if (lock == null) {
        letGo(file);
        List<Holder> holders = holders(file);
        throw new UserError(
            what
                + " is in use by another run in "
                + file.getParent()
                + (holders.isEmpty()
                    ? ""
                    : ": "
                        + holders.stream().map(Holder::toString).collect(Collectors.joining("; ")))
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
              + (Boolean.getBoolean(SCHEDULED) ? OF_SCHEDULE : "")
              + (share.whole() ? "" : " (" + share + ")")
              + " since "
              + Instant.now().toString().substring(0, 19)
              + "Z");
      return new ShareLock(file, lock, note);
    } catch (IOException e) {
      throw UserError.unwritable(file, e);
    }
  }

  /** The lock; null where another process, or this one, holds a share that overlaps. */
  private static FileLock tried(FileChannel channel, Share share) throws IOException {
    try {
      return channel.tryLock(share.from(), (long) share.to() - share.from(), false);
    } catch (OverlappingFileLockException e) {
      return null;
    }
  }

  /**
   * Stops those who hold a lock, as Ctrl-C does, and waits for them, where all of them were started
   * by a schedule and this process was not: a person does not wait for what a schedule does.
   *
   * @return whether they have ended
   */
  private static boolean isWayMade(Path file) {
    List<Holder> holders = holders(file);
    if (Boolean.getBoolean(SCHEDULED)
        || holders.isEmpty()
        || !holders.stream().allMatch(Holder::isScheduled)) {
      return false;
    }
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(WAY_SECONDS);
    holders.forEach(holder -> holder.process().destroy());
    for (Holder holder : holders) {
      try {
        holder.process().onExit().get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
      } catch (TimeoutException | ExecutionException e) {
        return false;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
    return true;
  }

  /**
   * A process that holds a share.
   *
   * @param what it does, such as "run payouts"
   */
  public record Holder(ProcessHandle process, String what, String since) {

    /** Whether `serve` started it by a schedule. */
    public boolean isScheduled() {
      return what.contains(OF_SCHEDULE);
    }

    /** Such as "pid 123: run payouts since 2026-11-27T22:00:00Z". */
    @Override
    public String toString() {
      return "pid " + process.pid() + ": " + what + " since " + since;
    }

    /** That of a note; null if its process has ended, also where a later one has its pid. */
    private static Holder of(String note) {
      Matcher parts = NOTE.matcher(note);
      if (!parts.matches()) {
        return null;
      }
      // the time in a note is in whole seconds
      Instant before = Instant.parse(parts.group(3)).plusSeconds(1);
      return ProcessHandle.of(Long.parseLong(parts.group(1)))
          .filter(ProcessHandle::isAlive)
          .filter(
              process ->
                  process.info().startInstant().map(start -> start.isBefore(before)).orElse(true))
          .map(process -> new Holder(process, parts.group(2), parts.group(3)))
          .orElse(null);
    }
  }

  /** Who holds shares of a lock now. */
  public static List<Holder> holders(Path file) {
    return notes(file.toAbsolutePath().getParent(), 1, file.getFileName() + ".");
  }

  /** Who holds any lock of a runtime folder now; each process once for what it does. */
  public static List<Holder> all(Path runtime) {
    return notes(runtime, 2, "").stream().distinct().toList();
  }

  private static List<Holder> notes(Path folder, int depth, String prefix) {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    TreeSet<Path> files = new TreeSet<>();
    List<Holder> holders = new ArrayList<>();
    try {
      Files.walkFileTree(
          folder,
          Set.of(),
          depth,
          new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
              String name = file.getFileName().toString();
              if (name.startsWith(prefix) && NOTE_FILE.matcher(name).matches()) {
                files.add(file);
              }
              return FileVisitResult.CONTINUE;
            }

            /** Files come and go while a folder is read; those that stay are what counts. */
            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) {
              return FileVisitResult.CONTINUE;
            }
          });
      for (Path note : files) {
        Holder holder = Holder.of(text(note));
        if (holder != null) {
          holders.add(holder);
        }
      }
    } catch (IOException e) {
      // a note is only a courtesy; the lock itself stands
    }
    return holders;
  }

  /** A note's text; empty where it was deleted just now. */
  private static String text(Path note) throws IOException {
    try {
      return Files.readString(note, StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      return "";
    }
  }

  private static String pids(List<Holder> holders) {
    return holders.stream()
        .map(holder -> String.valueOf(holder.process().pid()))
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
